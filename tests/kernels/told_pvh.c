// The start info of PVH [PVH] and its first module.
// SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, cmdline;
};

struct start_module {
    uint64_t gpa, bytes;
};

const char *told_by(uintptr_t info, struct told *t)
{
    const struct start_info *i = at(info);
    const struct start_module *m = at(i->module_list);
    if (i->magic != 0x336ec578)
        return "PVH, with another magic: ";
    t->cmdline = at(i->cmdline);
    if (i->modules) {
        t->initrd = (volatile char *)(uintptr_t)m->gpa;
        t->initrd_bytes = (uint32_t)m->bytes;
    }
    return "PVH: ";
}
