// The pager: what becomes of a page fault.
// SPDX-License-Identifier: MIT
//
// Pages of guests are zero, or those of an image, shared until they are written; which of the two is in the
// kernel's books. Whoever cannot get a page, because memory is short, gets one of a few scratch pages of its
// VM, taken from where it was used before: the guest is wrong afterwards, but neither it nor its servers
// hang.
#pragma once

#include "libipc/proto/memory.h"
#include "libipc/state.h"
#include "servers/memory/books.h"

enum {
    PAGER_RAMS_MAX = MEMORY_RAMS_MAX,
    PAGER_SCRATCH = 16 // pages of a VM: more than one instruction of its guest touches
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
    struct scratch *scratch;            // [PAGER_RAMS_MAX]
    uint32_t rams;                      // numbers up to this one, not all of them in use
    uint64_t ram_pages[PAGER_RAMS_MAX]; // 0: not in use
    uint8_t *broken[PAGER_RAMS_MAX];    // a bit a chunk: something is there already, so no 2 MiB page can be
    const struct ram_table *table;      // what each guest may have of the archive
    // Makes these bytes of the state true before what follows.
    void (*commit)(const struct state_range *ranges, size_t count);
};

enum pager_outcome { PAGER_GIVEN, PAGER_SCRATCHED, PAGER_REFUSED /* it will never get a page */ };

// After books_open() and with everything but the books set up.
void pager_open(struct pager *p);

// Later: a memory that is in use from now on, with ram_pages and broken set up.
void pager_add_ram(struct pager *p, uint32_t ram);

// `rights`: enum right of the access.
enum pager_outcome pager_fault(struct pager *p, uint32_t ram, uint64_t page, uint32_t rights);

// All pages of chunk `chunk` of a guest's memory go back to the pools. False: they cannot.
MUST_CHECK bool pager_take_back(struct pager *p, uint32_t ram, uint64_t chunk);
// It holds nothing any more.
void pager_emptied(struct pager *p, uint32_t ram);

// Pages of a guest's memory become those of an image, whatever they were. A status: BAD_ARG, or the kernel's.
MUST_CHECK enum status pager_image(struct pager *p, uint32_t ram, uint64_t number, uint64_t first,
                                   uint64_t page, uint64_t pages);
