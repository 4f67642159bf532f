// Symbol tables of programs, for backtraces: small, searched where they lie in the boot archive.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#define SYMBOLS_MAGIC 0x6d797362u // "bsym"

// The entries follow, by rising address, then the names, each ended by NUL.
struct symbols_header {
    uint32_t magic;
    uint32_t count;
    uint32_t names; // bytes
    uint32_t reserved;
};

struct symbols_entry {
    uint32_t address;
    uint32_t size; // bytes; 0: up to the next
    uint32_t name; // its first byte among the names
};
