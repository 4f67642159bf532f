// The symbol table of a program, from its ELF file: functions only, sorted.
// SPDX-License-Identifier: MIT
#include "tools/symbols.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/proto/symbols.h"

struct function {
    uint64_t address, size;
    const char *name;
};

static bool in_file(size_t size, uint64_t offset, uint64_t bytes)
{
    return offset <= size && bytes <= size - offset;
}

// The symbol table and the names that it refers to.
static bool find_tables(const uint8_t *elf, size_t size, Elf64_Shdr *symbols, Elf64_Shdr *names)
{
    Elf64_Ehdr h;
    if (size < sizeof h)
        return false;
    memcpy(&h, elf, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        !in_file(size, h.e_shoff, h.e_shnum * sizeof *symbols))
        return false;
    for (unsigned i = 0; i < h.e_shnum; i++) {
        memcpy(symbols, elf + h.e_shoff + i * sizeof *symbols, sizeof *symbols);
        if (symbols->sh_type != SHT_SYMTAB || symbols->sh_link >= h.e_shnum)
            continue;
        memcpy(names, elf + h.e_shoff + symbols->sh_link * sizeof *names, sizeof *names);
        return in_file(size, symbols->sh_offset, symbols->sh_size) &&
               in_file(size, names->sh_offset, names->sh_size) && names->sh_size &&
               elf[names->sh_offset + names->sh_size - 1] == 0;
    }
    return false;
}

static int by_address(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    return (x->address > y->address) - (x->address < y->address);
}

static void collect(struct arena *a, const uint8_t *elf, const Elf64_Shdr *symbols, const Elf64_Shdr *names,
                    struct list *functions)
{
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym s;
        memcpy(&s, elf + symbols->sh_offset + at, sizeof s);
        bool code = ELF64_ST_TYPE(s.st_info) == STT_FUNC ||
                    (ELF64_ST_TYPE(s.st_info) == STT_NOTYPE && ELF64_ST_BIND(s.st_info) == STB_GLOBAL);
        if (!code || s.st_shndx == SHN_UNDEF || s.st_shndx >= SHN_LORESERVE || s.st_name >= names->sh_size ||
            s.st_value > UINT32_MAX)
            continue;
        struct function *f = list_add(a, functions, sizeof *f);
        *f = (struct function){s.st_value, s.st_size, (const char *)elf + names->sh_offset + s.st_name};
    }
    if (functions->count)
        qsort(functions->items, functions->count, sizeof(struct function), by_address);
}

bool symbols_make(struct arena *a, const uint8_t *elf, size_t size, const uint8_t **table, size_t *bytes)
{
    Elf64_Shdr symbols, names;
    struct list functions = {0};
    if (!find_tables(elf, size, &symbols, &names))
        return false;
    collect(a, elf, &symbols, &names, &functions);
    const struct function *f = functions.items;
    size_t text = 0;
    for (size_t i = 0; i < functions.count; i++)
        text += strlen(f[i].name) + 1;
    struct symbols_header h = {SYMBOLS_MAGIC, (uint32_t)functions.count, (uint32_t)text, 0};
    *bytes = sizeof h + functions.count * sizeof(struct symbols_entry) + text;
    uint8_t *to = arena_alloc(a, *bytes);
    struct symbols_entry *entry = (struct symbols_entry *)(void *)(to + sizeof h);
    char *name = (char *)(entry + functions.count), *first = name;
    memcpy(to, &h, sizeof h);
    for (size_t i = 0; i < functions.count; i++) {
        entry[i] =
            (struct symbols_entry){(uint32_t)f[i].address, (uint32_t)f[i].size, (uint32_t)(name - first)};
        name = stpcpy(name, f[i].name) + 1;
    }
    *table = to;
    return true;
}
