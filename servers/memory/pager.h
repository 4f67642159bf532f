// The pager: what becomes of a page fault.
// SPDX-License-Identifier: MIT
//
// Pages of guests are zero, or those of an image, shared until they are written. Whoever cannot get a page,
// because memory is short, gets one of a few scratch pages of its VM, taken from where it was used before:
// the guest is wrong afterwards, but neither it nor its servers hang.
#pragma once

#include "libipc/state.h"
#include "servers/memory/books.h"

enum {
    PAGER_RAMS_MAX = 64,
    PAGER_BACKINGS_MAX = 32,
    PAGER_SCRATCH = 16 // pages of a VM: more than one instruction of its guest touches
};

// Pages of guest memory that begin as an image's.
struct backing {
    uint64_t ram, first; // page of that object
    uint64_t archive;    // page of the archive
    uint64_t pages;
};

// A section of the state object.
struct scratch {
    uint64_t faults; // that got one
    uint64_t next;   // of the pages: the one used longest ago
    struct {
        uint64_t used;            // 1
        uint64_t page;            // of guest memory
        uint64_t pool, pool_page; // where it came from
    } at[PAGER_SCRATCH];
};

struct pager {
    struct books books;
    struct scratch *scratch; // [PAGER_RAMS_MAX]
    uint32_t rams;
    uint64_t ram_pages[PAGER_RAMS_MAX];
    uint8_t *broken[PAGER_RAMS_MAX]; // a bit a chunk: something is there already, so no 2 MiB page can be
    uint32_t backings;
    struct backing backing[PAGER_BACKINGS_MAX];
    // Makes these bytes of the state true before what follows.
    void (*commit)(const struct state_range *ranges, size_t count);
};

enum pager_outcome { PAGER_GIVEN, PAGER_SCRATCHED, PAGER_REFUSED /* it will never get a page */ };

// After books_open() and with everything but the books set up.
void pager_open(struct pager *p);

// `rights`: enum right of the access.
enum pager_outcome pager_fault(struct pager *p, uint32_t ram, uint64_t page, uint32_t rights);
