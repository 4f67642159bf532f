// A program in the boot archive: ELF64, static, two segments at the addresses of libipc/start.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program {
    uint64_t entry;
    uint64_t text_offset; // in the file, a multiple of a page; the text begins its window
    uint64_t text_pages;
    uint64_t data_offset; // in the file
    uint64_t data_bytes;  // from the file, to the beginning of the data window
    uint64_t data_pages;  // of the window, with what is zero
};

// NULL: good; else what is wrong.
const char *program_read(struct program *p, const uint8_t *elf, size_t size);

// The function that an address lies in, from a symbol table; NULL: not known. *offset: how far into it.
const char *symbol_find(const uint8_t *table, size_t bytes, uint64_t address, uint64_t *offset);
