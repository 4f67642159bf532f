// The boot archive's files (cpio, "New ASCII Format").
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

// A file's content, NULL when the archive has none of that name or is damaged before it.
const uint8_t *cpio_find(const uint8_t *archive, size_t bytes, const char *name, size_t *size);
