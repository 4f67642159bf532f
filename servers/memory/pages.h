// What the server does to pages: the kernel's calls, and stores into pages of the pools.
// SPDX-License-Identifier: MIT
//
// Tests put a model of memory objects there.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/status.h"

enum { CHUNK_PAGES = 512, PAGE_BYTES = 4096 };

// A page of a pool.
struct place {
    uint32_t pool;
    uint64_t page;
};

// Moves one page, or the 512 of a 2 MiB page, from a pool to a guest's memory.
MUST_CHECK enum status pages_supply(uint32_t ram, uint64_t page, struct place from, uint64_t pages);

// Shares pages of the archive, read-only.
MUST_CHECK enum status pages_borrow(uint32_t ram, uint64_t page, uint64_t archive_page, uint64_t pages);

// Empties a slot: a page of its own goes to the place, which must be empty for it; a borrowed one just ends.
MUST_CHECK enum status pages_withdraw(uint32_t ram, uint64_t page, struct place to);

// Is a page at this place of the pool? Only then it may be touched.
bool place_is_filled(struct place p);

void place_zero(struct place p, uint64_t pages);
void place_copy(struct place p, uint64_t archive_page);
