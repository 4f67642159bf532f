// What a CPU may remember of page tables: a TLB that keeps every entry until it is told to drop it.
// SPDX-License-Identifier: MIT
//
// A seat is a place in an address space where objects are mapped. It remembers each translation that its
// tables ever gave, and each upper entry that led there, until aspace_flush() names the address. Hardware may
// drop entries at any time; that it need not is what a missing flush hides behind.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/kernel_pool.h"

// The pages of an object that a test uses: its first three chunks, and those around the end of its first
// directory.
enum { CHUNK = 512, LOW_PAGES = 3 * CHUNK, VIEW_PAGES = 5 * CHUNK };
#define EDGE (DIRECTORY_SPAN - CHUNK)

static inline uint64_t view_page(unsigned i)
{
    return i < LOW_PAGES ? i : EDGE + i - LOW_PAGES;
}

struct translation {
    uint64_t frame; // 0: none
    uint32_t rights;
};

struct seat {
    struct aspace *aspace;
    uint64_t address;
    bool large;
    struct memory *memory; // mapped here, or NULL
    uint32_t rights;
    struct translation tlb[VIEW_PAGES];
    uint64_t upper[VIEW_PAGES / CHUNK][3]; // entries of the directory, the pointers, the root
};

static inline unsigned seat_pages(const struct seat *s)
{
    return s->large ? VIEW_PAGES : CHUNK;
}

static inline bool entry_present(enum paging_format f, uint64_t e)
{
    return f == PAGING_EPT ? e & 7 : e & PTE_P;
}

// Independent of kernel/paging.h.
static inline uint32_t entry_grants(enum paging_format f, uint64_t e)
{
    if (f == PAGING_EPT)
        return ((e & 1) ? RIGHT_READ : 0) | ((e & 2) ? RIGHT_WRITE : 0) | ((e & 4) ? RIGHT_EXECUTE : 0);
    assert_true(e & 4); // user
    return RIGHT_READ | ((e & 2) ? RIGHT_WRITE : 0) | (e >> 63 ? 0 : RIGHT_EXECUTE);
}

// The translation of an address by the tables as they are; upper[] as in struct seat.
static inline struct translation walk_tables(const struct aspace *a, uint64_t address, uint64_t upper[3])
{
    const uint64_t *table = a->root;
    uint32_t rights = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE;
    memset(upper, 0, 3 * sizeof *upper);
    for (int level = 3; level >= 0; level--) {
        uint64_t e = table[address >> (12 + 9 * level) & 511], at = e & 0xffffffffff000;
        if (!entry_present(a->format, e))
            return (struct translation){0};
        rights &= entry_grants(a->format, e);
        bool leaf = level == 0 || (level == 1 && (e & 0x80));
        if (leaf && a->format == PAGING_EPT)
            assert_int_equal(e >> 3 & 7, 6); // write-back
        if (leaf)
            return (struct translation){at + (level ? address & 0x1ff000 : 0), rights};
        assert_true(at && at < sizeof host_pool);
        upper[level - 1] = e;
        table = (const uint64_t *)(host_pool + at);
    }
    return (struct translation){0};
}

// What is remembered must be no more than what the tables say; then it is what they say.
static inline void seat_check(struct seat *s, unsigned i)
{
    uint64_t upper[3], *known = s->upper[i / CHUNK];
    struct translation now = walk_tables(s->aspace, s->address + view_page(i) * PAGE_SIZE, upper);
    struct translation *was = &s->tlb[i];
    if (was->frame) {
        assert_int_equal(was->frame, now.frame);
        assert_int_equal(was->rights & ~now.rights, 0);
    }
    *was = now;
    for (int level = 0; level < 3; level++) {
        if (known[level]) { // the table that it leads to must still be that table, with the same rights
            assert_int_equal(known[level] & 0xffffffffff000, upper[level] & 0xffffffffff000);
            assert_int_equal(entry_grants(s->aspace->format, known[level]) &
                                 ~entry_grants(s->aspace->format, upper[level]),
                             0);
        }
        if (upper[level])
            known[level] = upper[level];
    }
}

static inline void seat_flush(struct seat *s, const struct aspace *a, uint64_t address, uint64_t pages)
{
    if (s->aspace != a)
        return;
    for (unsigned i = 0; i < seat_pages(s); i++) {
        uint64_t at = s->address + view_page(i) * PAGE_SIZE;
        if (a->kind == OBJECT_SPACE || (at >= address && at - address < pages * PAGE_SIZE)) {
            s->tlb[i] = (struct translation){0};
            memset(s->upper[i / CHUNK], 0, sizeof *s->upper);
        }
    }
}
