// The boot archive, read: cpio in newc format [cpio(5), "New ASCII Format"].
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive {
    const uint8_t *bytes;
    size_t size;
};

struct archive_file {
    const uint8_t *bytes;
    size_t size;
    uint64_t offset; // of its content in the archive
};

enum archive_status {
    ARCHIVE_OK,
    ARCHIVE_NOT_FOUND,
    ARCHIVE_FOREIGN,   // no cpio archive in newc format
    ARCHIVE_TRUNCATED, // it ends in the middle
};

// The name is "prefix" and then `length` characters of `name`.
enum archive_status archive_find(const struct archive *a, const char *prefix, const char *name, size_t length,
                                 struct archive_file *file);

// Is it whole, up to its end mark?
enum archive_status archive_check(const struct archive *a);

const char *archive_status_text(enum archive_status s);
