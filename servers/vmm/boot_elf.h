// ELF images of guest kernels, 32 and 64 bits.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/boot.h"

struct boot_elf {
    const struct boot_image *image;
    bool wide; // ELFCLASS64
    uint32_t segments;
    uint64_t headers; // offset of the program headers
    uint64_t entry;   // as the file says: a virtual address
};

enum boot_segment_type { ELF_LOAD = 1, ELF_NOTE = 4 };

struct boot_segment {
    uint32_t type;                // enum boot_segment_type, and others
    uint64_t offset, file_bytes;  // in the image
    uint64_t virtual, gpa, bytes; // in memory
};

bool boot_elf_is(const struct boot_image *image);

// NULL: its headers and segments lie within the file, and it is for this processor; else what is wrong.
const char *boot_elf_open(struct boot_elf *elf, const struct boot_image *image);

struct boot_segment boot_elf_segment(const struct boot_elf *elf, uint32_t number);

// Puts the segments at their physical addresses and clears what the file leaves out. NULL: *end is the
// first byte behind all of them. Nothing is written when something is wrong.
const char *boot_elf_load(const struct boot_elf *elf, uint64_t *end);

// Does a segment that is loaded hold this byte?
bool boot_elf_holds(const struct boot_elf *elf, uint64_t gpa);
