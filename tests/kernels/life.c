// A tiny kernel that counts aloud, says how often it was reset, and heeds its power button
// SPDX-License-Identifier: MIT
#include <stdbool.h>

#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { CMOS_RESETS = 0x40, PM1_STATUS = 0x600, STATUS_BUTTON = 1 << 8, STEP = 500000000 };

static bool button(void)
{
    uint16_t status;
    asm volatile("inw %w1, %w0" : "=a"(status) : "d"(PM1_STATUS));
    return status & STATUS_BUTTON;
}

_Noreturn void kernel_main(uintptr_t info)
{
    (void)info;
    uint8_t resets = cmos_read(CMOS_RESETS); // a power-on clears it
    cmos_write(CMOS_RESETS, (uint8_t)(resets + 1));
    say_number("resets ", resets);
    for (uint64_t n = 0;; n++) {
        say_number("count ", n);
        for (uint64_t start = ticks(); ticks() - start < STEP;)
            if (button()) {
                say("power button\n");
                machine_off();
            }
    }
}
