// ELF images of guest kernels: checked as a whole, then loaded.
// SPDX-License-Identifier: MIT
//
// [ELF] System V ABI, edition 4.1, chapters 4 and 5. The image is the user's file: nothing in it is believed.
#include "servers/vmm/boot_elf.h"

#include <string.h>

enum { CLASS_AT = 4, DATA_AT = 5, CLASS_32 = 1, CLASS_64 = 2, DATA_LITTLE = 1 };
enum { MACHINE_386 = 3, MACHINE_X86_64 = 62 };

struct header32 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, headers, sections, flags;
    uint16_t bytes, header_bytes, header_count;
};

struct header64 {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, headers, sections;
    uint32_t flags;
    uint16_t bytes, header_bytes, header_count;
};

struct segment32 {
    uint32_t type, offset, virtual, gpa, file_bytes, bytes, flags, align;
};

struct segment64 {
    uint32_t type, flags;
    uint64_t offset, virtual, gpa, file_bytes, bytes, align;
};

_Static_assert(sizeof(struct segment32) == 32 && sizeof(struct segment64) == 56, "ELF");

bool boot_elf_is(const struct boot_image *image)
{
    return image->size >= sizeof(struct header64) && !memcmp(image->bytes, "\177ELF", 4);
}

static uint64_t segment_bytes(const struct boot_elf *elf)
{
    return elf->wide ? sizeof(struct segment64) : sizeof(struct segment32);
}

struct boot_segment boot_elf_segment(const struct boot_elf *elf, uint32_t number)
{
    const uint8_t *at = elf->image->bytes + elf->headers + number * segment_bytes(elf);
    if (elf->wide) {
        struct segment64 s;
        memcpy(&s, at, sizeof s);
        return (struct boot_segment){s.type, s.offset, s.file_bytes, s.virtual, s.gpa, s.bytes};
    }
    struct segment32 s;
    memcpy(&s, at, sizeof s);
    return (struct boot_segment){s.type, s.offset, s.file_bytes, s.virtual, s.gpa, s.bytes};
}

static bool within(uint64_t from, uint64_t bytes, uint64_t size)
{
    return from <= size && bytes <= size - from;
}

static const char *check_segments(const struct boot_elf *elf)
{
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type != ELF_LOAD && s.type != ELF_NOTE)
            continue;
        if (!within(s.offset, s.file_bytes, elf->image->size))
            return "the image is truncated: a segment ends behind the file";
        if (s.type == ELF_LOAD && s.file_bytes > s.bytes)
            return "a segment has more bytes in the file than in memory";
    }
    return NULL;
}

const char *boot_elf_open(struct boot_elf *elf, const struct boot_image *image)
{
    struct header64 h;
    struct header32 narrow;
    if (!boot_elf_is(image))
        return "it is no ELF file, or a truncated one";
    memcpy(&h, image->bytes, sizeof h);
    memcpy(&narrow, image->bytes, sizeof narrow);
    bool wide = h.ident[CLASS_AT] == CLASS_64;
    if ((!wide && h.ident[CLASS_AT] != CLASS_32) || h.ident[DATA_AT] != DATA_LITTLE)
        return "an ELF file of an unknown class";
    if (h.machine != MACHINE_386 && h.machine != MACHINE_X86_64)
        return "an ELF file for another processor";
    *elf = wide ? (struct boot_elf){image, true, h.header_count, h.headers, h.entry}
                : (struct boot_elf){image, false, narrow.header_count, narrow.headers, narrow.entry};
    uint64_t expected = wide ? h.header_bytes : narrow.header_bytes;
    if (elf->segments && expected != segment_bytes(elf))
        return "its program headers have an unknown size";
    if (!within(elf->headers, elf->segments * segment_bytes(elf), image->size))
        return "the image is truncated: its program headers lie behind the file";
    return check_segments(elf);
}

const char *boot_elf_load(const struct boot_elf *elf, uint64_t *end)
{
    *end = 0;
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type != ELF_LOAD || !s.bytes)
            continue;
        if (!boot_room(s.gpa, s.bytes))
            return "a segment lies outside of the guest's memory, or over the tables below 1 MiB";
        if (*end < s.gpa + s.bytes)
            *end = s.gpa + s.bytes;
    }
    if (!*end)
        return "it has nothing to load";
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type != ELF_LOAD || !s.bytes)
            continue;
        boot_put(elf->image, s.offset, s.file_bytes, s.gpa);
        memset((uint8_t *)boot_room(s.gpa, s.bytes) + s.file_bytes, 0, s.bytes - s.file_bytes);
    }
    return NULL;
}

bool boot_elf_holds(const struct boot_elf *elf, uint64_t gpa)
{
    for (uint32_t i = 0; i < elf->segments; i++) {
        struct boot_segment s = boot_elf_segment(elf, i);
        if (s.type == ELF_LOAD && gpa >= s.gpa && gpa - s.gpa < s.bytes)
            return true;
    }
    return false;
}
