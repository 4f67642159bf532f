// Control's line with any bytes on it, in any pieces: it answers each line, and then a good one
// SPDX-License-Identifier: MIT
//
// LINK: servers/control/session.c libipc/exits.c servers/control/commands.c servers/control/request.c
// LINK: servers/control/value.c servers/control/out.c
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/control_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char last[] = "\n{\"execute\": \"capabilities\", \"id\": \"the last\"}\n",
                      answer[] = "{\"return\": {}, \"id\": \"the last\"}\n";
    if (!size)
        return 0;
    world_begin();
    w.cut = data[0]; // it dies there
    world_types("{\"execute\": \"capabilities\"}\n", 28);
    for (size_t at = 1, n; at < size; at += n) {
        n = data[at] < size - at ? data[at] + 1u : size - at;
        world_types((const char *)data + at, n);
    }
    world_types(last, sizeof last - 1);
    if (w.said_bytes < sizeof answer - 1 || !strstr(w.said, answer))
        __builtin_trap();
    return 0;
}
