// The books: which pages of the pools are free, and which of those are zero.
// SPDX-License-Identifier: MIT
//
// A pool is cut into chunks of 2 MiB, and the pages of a chunk are given out from its first to its last, so
// one number a chunk says it all; `given` is committed before the page leaves the pool. If the server dies in
// between, `last` says which pages that was. Which pages are zero is forgotten with the server.
//
// The stock is chunks that were zeroed in time: one is filled at a time, while the CPU has nothing else to
// do. Who needs a chunk before that zeroes what is missing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/init.h"
#include "servers/memory/pages.h"

enum {
    BOOKS_CHUNKS_MAX = 16384, // 32 GiB
    BOOKS_STOCK_MAX = 64,     // chunks
    BOOKS_NONE = UINT32_MAX
};

// A section of the state object.
struct books_state {
    struct books_last {
        uint32_t chunk;
        uint32_t pages; // 0: none
        uint32_t copy;  // 1 + number of the guest memory whose borrowed page it replaces; 0: of none
        uint32_t pad;
        uint64_t page; // that page
    } last;
    uint16_t given[BOOKS_CHUNKS_MAX];
};

struct books {
    struct books_state *state;
    struct pool_table pools;
    uint32_t first_chunk[ROOT_RAM_REGIONS_MAX]; // of each pool
    uint32_t chunks;
    uint64_t free;       // pages
    uint32_t goal;       // chunks that are to be zero
    uint32_t cursor;     // no whole chunk is free in front of it
    uint32_t partial;    // no chunk has free pages in part in front of it
    uint32_t back;       // single pages go back to it
    uint32_t open;       // single pages come from it
    uint32_t open_clean; // its pages before this one are zero, or given
    uint32_t filling;    // is being zeroed
    uint32_t ready_count;
    uint32_t ready[BOOKS_STOCK_MAX]; // wholly zero
};

// Takes what a dead server left between its books and the kernel into account.
void books_open(struct books *b, struct books_state *state, const struct pool_table *pools, uint32_t goal);

// A 2 MiB page, or up to `most` single ones in a row, that hold zeros; `reserve` pages stay untaken. False,
// 0: there are none. To be committed before they are supplied: `last`, and `given` of their chunk.
MUST_CHECK bool books_take_large(struct books *b, uint64_t reserve, struct place *place);
MUST_CHECK uint64_t books_take_small(struct books *b, uint64_t reserve, uint64_t most, struct place *place);

// The committed `last`: where its first page is, if that is in the pool still.
MUST_CHECK bool books_last(const struct books *b, struct place *place);

// Where a 2 MiB page, or up to *pages single ones in a row, can go back to. To be committed before they do,
// and then books_came_back(), to be committed too; or books_stayed(), when they did not. False: nowhere.
MUST_CHECK bool books_back_large(struct books *b, struct place *place);
MUST_CHECK bool books_back_small(struct books *b, uint64_t *pages, struct place *place);
void books_came_back(struct books *b);
void books_stayed(struct books *b);

// What was taken last did not leave the pool; `clean`: and is zero still.
void books_return_last(struct books *b, bool clean);

// Lets a chunk be zeroed (fill_begin()) if the stock is not full; takes in one that is ready.
void books_fill(struct books *b);
