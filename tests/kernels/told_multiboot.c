// The information of Multiboot [Multiboot] 3.3 and its first module.
// SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

struct info {
    uint32_t flags, memory[2], boot_device, cmdline, modules, module_list;
};

struct module {
    uint32_t gpa, end;
};

const char *told_by(uintptr_t info, struct told *t)
{
    const struct info *i = at(info);
    const struct module *m = at(i->module_list);
    t->cmdline = at(i->cmdline);
    if (i->modules) {
        t->initrd = (volatile char *)(uintptr_t)m->gpa;
        t->initrd_bytes = m->end - m->gpa;
    }
    return "Multiboot: ";
}
