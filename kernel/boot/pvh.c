// PVH: how QEMU's -kernel starts us
// SPDX-License-Identifier: MIT
//
// Xen, xen/include/public/arch-x86/hvm/start_info.h. The memory map came with version 1.

#include "kernel/boot/boot.h"

#define PVH_MAGIC   0x336ec578
#define CMDLINE_MAX 1024

struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, cmdline, rsdp;
    uint64_t memory_map; // from here on: version 1
    uint32_t memory_map_count, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "given by Xen");

struct module {
    uint64_t base, size, cmdline, reserved;
};

const char *pvh_read(struct boot_info *info, uint64_t at)
{
    info->loader = "PVH";
    const struct start_info *start = boot_pointer(at, sizeof *start);
    if (!start || start->magic != PVH_MAGIC)
        return "PVH: no start information";
    if (start->version < 1)
        return "PVH: no memory map (version 0)";
    uint32_t bytes = start->memory_map_count * (uint32_t)sizeof(struct e820);
    const void *map = boot_pointer(start->memory_map, bytes);
    if (!map)
        return "PVH: memory map out of reach";
    map_add_e820(map, bytes, sizeof(struct e820));

    const struct module *module = boot_pointer(start->modules, sizeof *module);
    if (start->module_count > 0 && module)
        info->archive = (struct range){module->base, module->size};
    const char *cmdline = boot_pointer(start->cmdline, CMDLINE_MAX);
    if (cmdline)
        boot_set_cmdline(cmdline, CMDLINE_MAX);
    info->rsdp = start->rsdp;
    return NULL;
}
