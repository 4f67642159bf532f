// Multiboot2: how GRUB starts us, on BIOS and UEFI
// SPDX-License-Identifier: MIT
//
// Multiboot2 specification 3.6: a list of tags, each 8-byte aligned. Its memory stays as it is, because the
// RSDP lies in a tag.

#include "kernel/boot/boot.h"

#define TAG_END      0
#define TAG_CMDLINE  1
#define TAG_MODULE   3
#define TAG_MEMORY   6
#define TAG_RSDP_OLD 14
#define TAG_RSDP     15

struct head {
    uint32_t total_size, reserved;
};

struct tag {
    uint32_t type, size;
    union {
        char data[8];
        struct {
            uint32_t start, end;
        } module;
        struct {
            uint32_t entry_size, entry_version;
        } memory;
    };
};

// An RSDP of the newer kind (with the 64-bit root) wins, whatever the order.
static void read_tag(struct boot_info *info, const struct tag *tag, uint64_t at)
{
    uint32_t size = tag->size - (uint32_t)offsetof(struct tag, data);
    if (tag->type == TAG_CMDLINE)
        boot_set_cmdline(tag->data, size);
    if (size < sizeof tag->data)
        return;
    switch (tag->type) {
    case TAG_MODULE:
        if (info->archive.size == 0 && tag->module.end > tag->module.start)
            info->archive = (struct range){tag->module.start, tag->module.end - tag->module.start};
        break;
    case TAG_MEMORY:
        map_add_e820(tag + 1, size - (uint32_t)sizeof tag->memory, tag->memory.entry_size);
        break;
    case TAG_RSDP_OLD:
    case TAG_RSDP:
        if (info->rsdp == 0 || tag->type == TAG_RSDP)
            info->rsdp = at + offsetof(struct tag, data);
    }
}

const char *multiboot2_read(struct boot_info *info, uint64_t at)
{
    info->loader = "multiboot2";
    const struct head *head = boot_pointer(at, sizeof *head);
    uint32_t size = head ? head->total_size : 0;
    const char *tags = boot_pointer(at, size);
    if (!tags)
        return "multiboot2: information out of reach";
    map_add(at, size, false);
    for (uint64_t offset = sizeof *head; offset + offsetof(struct tag, data) <= size;) {
        const struct tag *tag = (const void *)(tags + offset);
        if (tag->size < offsetof(struct tag, data) || tag->size > size - offset)
            return "multiboot2: a tag's length is wrong";
        if (tag->type == TAG_END)
            return NULL;
        read_tag(info, tag, at + offset);
        offset += (tag->size + 7ul) & ~7ul;
    }
    return "multiboot2: no end tag";
}
