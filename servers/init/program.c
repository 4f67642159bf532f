// A program in the boot archive.
// SPDX-License-Identifier: MIT
#include "servers/init/program.h"

#include <string.h>

#include "libipc/proto/symbols.h"
#include "libipc/start.h"

// [ELF64] is "ELF-64 Object File Format", version 1.5.
struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
    uint16_t rest[3];
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, align;
};

enum { PT_LOAD = 1, PF_X = 1, PF_W = 2, ET_EXEC = 2, EM_X86_64 = 62, PAGE = 4096 };

static const char *add_text(struct program *p, const struct elf_segment *s)
{
    if (p->text_pages)
        return "it has two segments of text, expected one";
    if (s->address != PROGRAM_TEXT || s->offset % PAGE || s->memory_size > PROGRAM_WINDOW ||
        s->file_size != s->memory_size)
        return "its text does not lie where a program's does";
    p->text_offset = s->offset;
    p->text_pages = (s->memory_size + PAGE - 1) / PAGE;
    return NULL;
}

static const char *add_data(struct program *p, const struct elf_segment *s)
{
    if (p->data_pages)
        return "it has two segments of data, expected one";
    if (s->address != PROGRAM_DATA || s->memory_size > PROGRAM_WINDOW - PROGRAM_STACK)
        return "its data do not lie where a program's do";
    p->data_offset = s->offset;
    p->data_bytes = s->file_size;
    p->data_pages = (s->memory_size + PAGE - 1) / PAGE;
    return NULL;
}

const char *program_read(struct program *p, const uint8_t *elf, size_t size)
{
    struct elf_header h;
    *p = (struct program){0};
    if (size < sizeof h)
        return "it is truncated";
    memcpy(&h, elf, sizeof h);
    if (memcmp(h.ident, "\177ELF\2\1", 6) != 0 || h.type != ET_EXEC || h.machine != EM_X86_64 ||
        h.program_header_size != sizeof(struct elf_segment))
        return "it is no static ELF64 program for x86-64";
    if (h.program_headers > size ||
        h.program_header_count * sizeof(struct elf_segment) > size - h.program_headers)
        return "it is truncated";
    for (unsigned i = 0; i < h.program_header_count; i++) {
        struct elf_segment s;
        memcpy(&s, elf + h.program_headers + i * sizeof s, sizeof s);
        if (s.type != PT_LOAD || !s.memory_size)
            continue;
        if (s.offset > size || s.file_size > size - s.offset || s.file_size > s.memory_size)
            return "it is truncated";
        const char *wrong = s.flags & PF_W ? add_data(p, &s) : add_text(p, &s);
        if (wrong)
            return wrong;
    }
    p->entry = h.entry;
    if (h.entry < PROGRAM_TEXT || h.entry - PROGRAM_TEXT >= p->text_pages * PAGE)
        return "its entry is not in its text";
    return NULL;
}

const char *symbol_find(const uint8_t *table, size_t bytes, uint64_t address, uint64_t *offset)
{
    struct symbols_header h;
    struct symbols_entry e;
    if (bytes < sizeof h)
        return NULL;
    memcpy(&h, table, sizeof h);
    uint64_t names = sizeof h + (uint64_t)h.count * sizeof e;
    if (h.magic != SYMBOLS_MAGIC || names + h.names > bytes || !h.names || table[names + h.names - 1])
        return NULL;
    uint32_t low = 0, high = h.count; // the last entry at or below the address is before `high`
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        memcpy(&e, table + sizeof h + (size_t)middle * sizeof e, sizeof e);
        if (e.address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return NULL;
    memcpy(&e, table + sizeof h + (size_t)(low - 1) * sizeof e, sizeof e);
    *offset = address - e.address;
    bool inside = *offset < e.size || (!e.size && *offset < PAGE);
    return inside && e.name < h.names ? (const char *)table + names + e.name : NULL;
}
