// What a tiny kernel's loader tells it; one file a format.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

struct told {
    const char *cmdline;
    volatile char *initrd;
    uint32_t initrd_bytes;
};

// Returns the name of the format.
const char *told_by(uintptr_t info, struct told *t);

_Noreturn void kernel_main(uintptr_t info);
