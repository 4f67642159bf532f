// Multiboot2: how GRUB starts us, on BIOS and UEFI
// SPDX-License-Identifier: MIT
//
// Multiboot2 specification 3.6. A list of tags, each 8-byte aligned, in memory that we reuse: the RSDP, which
// is a copy inside its tag, is copied again.

#include "kernel/boot/loader.h"
#include "kernel/boot/ranges.h"
#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"

#define TAG_END      0
#define TAG_CMDLINE  1
#define TAG_MODULE   3
#define TAG_MEMORY   6
#define TAG_RSDP_OLD 14
#define TAG_RSDP     15

#define RSDP_SIZE 36

struct head {
    uint32_t total_size, reserved;
};

struct tag {
    uint32_t type, size;
};

struct module_tag {
    struct tag tag;
    uint32_t start, end;
};

struct memory_tag {
    struct tag tag;
    uint32_t entry_size, entry_version;
};

static void read_memory(struct boot_info *info, const struct tag *tag)
{
    const struct memory_tag *m = (const void *)tag;
    if (tag->size < sizeof *m || m->entry_size < sizeof(struct e820))
        return;
    range_from_e820(&info->ram, m + 1, (tag->size - (uint32_t)sizeof *m) / m->entry_size, m->entry_size);
}

static void read_module(struct boot_info *info, const struct tag *tag)
{
    const struct module_tag *m = (const void *)tag;
    if (tag->size >= sizeof *m && m->end > m->start && info->archive.size == 0)
        info->archive = (struct range){m->start, m->end - m->start};
}

static void read_cmdline(struct boot_info *info, const struct tag *tag)
{
    boot_set_cmdline(info, (const char *)(tag + 1), tag->size - sizeof *tag);
}

// The newer table (with the 64-bit root) wins, whatever the order of the tags.
static void read_rsdp(struct boot_info *info, const struct tag *tag)
{
    static _Alignas(8) uint8_t copy[RSDP_SIZE];
    static uint32_t from;
    size_t length = tag->size - sizeof *tag;
    if (tag->type < from)
        return;
    from = tag->type;
    memcpy(copy, tag + 1, length < sizeof copy ? length : sizeof copy);
    info->rsdp = phys_of(copy);
}

static const struct {
    uint32_t type;
    void (*read)(struct boot_info *, const struct tag *);
} readers[] = {
    {TAG_CMDLINE, read_cmdline}, {TAG_MODULE, read_module}, {TAG_MEMORY, read_memory},
    {TAG_RSDP_OLD, read_rsdp},   {TAG_RSDP, read_rsdp},
};

const char *multiboot2_read(struct boot_info *info, uint64_t at)
{
    info->loader = "multiboot2";
    const struct head *head = boot_pointer(at, sizeof *head);
    uint32_t size = head ? head->total_size : 0;
    const char *tags = boot_pointer(at, size);
    if (!tags)
        return "multiboot2: information out of reach";
    for (uint64_t offset = sizeof *head; offset + sizeof(struct tag) <= size;) {
        const struct tag *tag = (const void *)(tags + offset);
        if (tag->size < sizeof *tag || tag->size > size - offset)
            return "multiboot2: a tag's length is wrong";
        if (tag->type == TAG_END)
            return NULL;
        for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
            if (readers[i].type == tag->type)
                readers[i].read(info, tag);
        offset += (tag->size + 7ul) & ~7ul;
    }
    return "multiboot2: no end tag";
}
