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

// Moves pages, or a 2 MiB page whole, from a pool to a guest's memory.
MUST_CHECK enum status pages_supply(uint32_t ram, uint64_t page, struct place from, uint64_t pages);
MUST_CHECK enum status large_supply(uint32_t ram, uint64_t page, struct place from);

// Shares pages of the archive, read-only.
MUST_CHECK enum status pages_borrow(uint32_t ram, uint64_t page, uint64_t archive_page, uint64_t pages);

// Empties slots: pages of its own go to the place, which must be empty for them; borrowed ones just end.
MUST_CHECK enum status pages_withdraw(uint32_t ram, uint64_t page, struct place to, uint64_t pages);
MUST_CHECK enum status large_withdraw(uint32_t ram, uint64_t page,
                                      struct place to); // NOT_FOUND: none is there

uint64_t ram_filled(uint32_t ram); // pages that a guest's memory holds

// What a slot of a guest's memory holds. Splits a 2 MiB page.
enum page_kind { PAGE_MISSING, PAGE_BORROWED, PAGE_OWN };
enum page_kind page_kind(uint32_t ram, uint64_t page);

// Overwrites a page of the guest's own with one of the archive.
void page_restore(uint32_t ram, uint64_t page, uint64_t archive_page);

// Is a page at this place of the pool? Only then it may be touched.
bool place_is_filled(struct place p);

void place_zero(struct place p, uint64_t pages);
void place_copy(struct place p, uint32_t ram, uint64_t page, uint64_t pages); // what the guest's slots hold

// Zeroes pages while the CPU has nothing else to do: one run at a time. They may not be given away before it
// is done, or ended.
void fill_begin(struct place p, uint64_t pages);
bool fill_done(void);
uint64_t fill_end(void); // how many of them, from the first, are zero
