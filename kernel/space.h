// A guest-physical address space.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/memory.h"

struct vm;

struct space {
    struct object object;
    struct vm *vm;        // [I]
    uint64_t root;        // [I] physical address of the top table, in the back-end's paging format
    struct aspace aspace; // aspace.flushes: a CPU that saw a smaller number must flush
};
