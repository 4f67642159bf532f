// Where in guest memory a kernel, its command line and its initrd go.
// SPDX-License-Identifier: MIT
//
// What an image's file holds is not copied, where that can be: the pager maps its pages copy-on-write. They
// must begin at the same byte of a page in the archive and in RAM; the rest, and the bytes before and behind
// the whole pages, are copied.
#include <string.h>

#include "servers/vmm/boot.h"
#include "servers/vmm/vm.h"

enum { PAGE = 4096 };

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

static void copy(const struct boot_image *image, uint64_t offset, uint64_t bytes, uint64_t gpa)
{
    if (bytes)
        memcpy(memory_at(gpa, bytes), image->bytes + offset, bytes);
}

void boot_put(const struct boot_image *image, uint64_t offset, uint64_t bytes, uint64_t gpa)
{
    uint64_t at = image->skip + offset, head = (PAGE - gpa % PAGE) % PAGE;
    uint64_t pages = bytes > head ? (bytes - head) / PAGE : 0;
    if (!pages || at % PAGE != gpa % PAGE ||
        !memory_share(image->number, (at + head) / PAGE, (gpa + head) / PAGE, pages)) {
        copy(image, offset, bytes, gpa);
        return;
    }
    uint64_t tail = head + pages * PAGE;
    copy(image, offset, head, gpa);
    copy(image, offset + tail, bytes - tail, gpa + tail);
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
    uint64_t at = (end - initrd->size) & ~(uint64_t)(PAGE - 1);
    if (at < floor || at < BOOT_KERNEL || !memory_at(at, initrd->size))
        return 0;
    boot_put(initrd, 0, initrd->size, at);
    return at;
}
