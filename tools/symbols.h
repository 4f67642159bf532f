// The symbol table of a program: libipc/proto/symbols.h, from its ELF file.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/arena.h"

// False: this is no ELF64 file with a symbol table.
bool symbols_make(struct arena *a, const uint8_t *elf, size_t size, const uint8_t **table, size_t *bytes);
