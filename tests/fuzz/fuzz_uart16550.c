// Fuzzes the 16550A with any accesses and a host that stalls; tests/unit/uart_world.h counts the bytes.
// SPDX-License-Identifier: MIT
// LINK: servers/console/uart16550.c
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/uart_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.room = 1};

    uart_reset(&w.uart);
    for (size_t i = 0; i + 1 < size; i += 2) {
        unsigned reg = data[i] & 7;
        switch (data[i] >> 3 & 3) {
        case 0: (void)world_read(&w, reg); break;
        case 1: world_write(&w, reg, data[i + 1]); break;
        case 2: w.room = data[i + 1] % 20u; break;
        default: w.in_end += w.in_end - w.in_position < 256 ? data[i + 1] % 20u : 0; break;
        }
        world_settle(&w);
    }
    return 0;
}
