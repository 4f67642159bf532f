// The boot parameters of Linux.
// SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, CMD_LINE_PTR = 0x228 };

static uint32_t word(uintptr_t params, unsigned offset)
{
    return *(const uint32_t *)at(params + offset);
}

const char *told_by(uintptr_t info, struct told *t)
{
    t->cmdline = at(word(info, CMD_LINE_PTR));
    t->initrd = (volatile char *)(uintptr_t)word(info, RAMDISK_IMAGE);
    t->initrd_bytes = word(info, RAMDISK_SIZE);
    return "bzImage: ";
}
