// Where in guest memory a kernel, its command line and its initrd go.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

static uint64_t low_ram_end;

static void note_low_ram(void *ctx, uint64_t base, uint64_t bytes, uint32_t type)
{
    (void)ctx;
    if (type == 1 && base == BOOT_KERNEL)
        low_ram_end = base + bytes;
}

uint64_t boot_low_ram(void)
{
    memory_e820(note_low_ram, NULL);
    return low_ram_end;
}

void *boot_room(uint64_t gpa, uint64_t bytes)
{
    bool ours = gpa < BOOT_KERNEL && (gpa >= BOOT_OWN || bytes > BOOT_OWN - gpa);
    return ours ? NULL : memory_at(gpa, bytes);
}

uint32_t boot_cmdline(void)
{
    memcpy(memory_at(BOOT_CMDLINE, CONFIG_CMDLINE_MAX), vm.config.cmdline, CONFIG_CMDLINE_MAX);
    return BOOT_CMDLINE;
}

uint64_t boot_place_initrd(const struct boot_image *initrd, uint64_t floor, uint64_t limit)
{
    uint64_t end = boot_low_ram() < limit ? boot_low_ram() : limit;
    if (initrd->size > end)
        return 0;
    uint64_t at = (end - initrd->size) & ~4095ul;
    void *to = at >= floor && at >= BOOT_KERNEL ? memory_at(at, initrd->size) : NULL;
    if (!to)
        return 0;
    memcpy(to, initrd->bytes, initrd->size);
    return at;
}
