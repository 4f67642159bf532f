// A cpio archive in newc format, written, with page-aligned files.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cpio {
    FILE *to;
    uint64_t at;
    uint32_t inode;
};

// Appends a file. align: byte `aligned` of its content lies at a multiple of it (1: anywhere).
void cpio_add(struct cpio *c, const char *name, const void *bytes, size_t size, size_t align, size_t aligned);
void cpio_end(struct cpio *c);
