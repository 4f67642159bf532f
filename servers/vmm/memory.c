// Guest memory as the monitor sees it: one window, RAM below the hole and above 4 GiB.
// SPDX-License-Identifier: MIT
#include "libipc/proto/memory.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/vmm/vm.h"

#define LOW_RAM_MAX UINT64_C(0xc0000000)
#define HIGH_RAM    UINT64_C(0x100000000)

enum { PAGE = 4096 };

static uint64_t low_ram(void)
{
    return vm.config.memory < LOW_RAM_MAX ? vm.config.memory : LOW_RAM_MAX;
}

static bool within(uint64_t gpa, uint64_t bytes, uint64_t base, uint64_t size)
{
    return gpa >= base && gpa - base < size && bytes <= size - (gpa - base);
}

void *memory_at(uint64_t gpa, uint64_t bytes)
{
    bool low = within(gpa, bytes, 0, low_ram());
    bool high = within(gpa, bytes, HIGH_RAM, vm.config.memory - low_ram());
    return low || high ? (void *)(VMM_MAP_RAM + gpa) : NULL;
}

bool memory_share(uint64_t image, uint64_t first, uint64_t page, uint64_t pages)
{
    if (!within(page * PAGE, pages * PAGE, 0, low_ram()))
        return false;
    for (uint64_t n; pages; pages -= n, first += n, page += n) {
        n = pages < MEMORY_IMAGE_MOST ? pages : MEMORY_IMAGE_MOST;
        struct message m = MESSAGE(LABEL_MEMORY_IMAGE, image, first, page, n);
        enum status s = sys_call(VMM_SLOT_MEMORY, &m);
        if (s == STATUS_OK)
            s = (enum status)TAG_LABEL(m.tag);
        if (s == STATUS_OK)
            continue;
        log_warning("%s: pages of its image %llu cannot be shared: %s", vm.config.name,
                    (unsigned long long)image, status_name(s));
        return false;
    }
    return true;
}

// [ACPI] 15: 1 RAM, 2 reserved. The tables lie at 0xe0000; the range up to 1 MiB is the firmware's.
void memory_e820(void (*add)(void *ctx, uint64_t base, uint64_t bytes, uint32_t type), void *ctx)
{
    add(ctx, 0, 0x9f000, 1);
    add(ctx, 0x9f000, 0x1000, 2);
    add(ctx, 0xe0000, 0x20000, 2);
    add(ctx, 0x100000, low_ram() - 0x100000, 1);
    add(ctx, 0xfec00000, 0x1000, 2);
    add(ctx, 0xfee00000, 0x1000, 2);
    if (vm.config.memory > low_ram())
        add(ctx, HIGH_RAM, vm.config.memory - low_ram(), 1);
}
