// A guest-physical address space.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/object.h"

struct vm;

struct space {
    struct object object;
    struct vm *vm;        // [I]
    uint64_t root;        // [I] physical address of the top table, in the back-end's paging format
    uint64_t *root_table; // [I] the same, in the pool window
    uint64_t flushes; // grows with every edit that takes something away: a CPU that saw a smaller number must
                      // flush
    struct node mappings; // struct mapping
};
