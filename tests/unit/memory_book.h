// The book that a test of memory objects keeps: which frame is in which slot, and who maps what.
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/unit/memory_machine.h"

#define FIRST_FRAME 0x40000000ul

enum { RWX = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE, RX = RIGHT_READ | RIGHT_EXECUTE };
enum { OBJECTS = 7, SPACES = 4, SEATS = 5, NONE = -1 };

struct slot {
    uint64_t frame; // 0: empty
    uint32_t rights;
    bool borrowed;
};

static struct object_under_test {
    uint64_t pages;
    int base;     // its index
    bool stocked; // begins with frames
    struct memory *memory;
    bool base_alive; // its base is the one that it was made with
    struct process payer;
    struct slot slot[VIEW_PAGES];
    bool woken[VIEW_PAGES];
} object[OBJECTS] = {
    {.pages = LOW_PAGES, .base = NONE, .stocked = true},
    {.pages = DIRECTORY_SPAN + CHUNK, .base = NONE, .stocked = true},
    {.pages = 2 * CHUNK, .base = NONE},
    {.pages = CHUNK, .base = NONE},
    {.pages = 40, .base = NONE},
    {.pages = CHUNK + 88, .base = 0},
    {.pages = 100, .base = 3},
};

static struct aspace space[SPACES];
static struct process space_payer[SPACES];
static struct seat seat[SPACES][SEATS];
void aspace_flush(struct aspace *a, uint64_t address, uint64_t pages)
{
    for (int s = 0; s < SEATS; s++)
        seat_flush(&seat[a - space][s], a, address, pages);
}

static struct object_under_test *under_test(const struct memory *m)
{
    for (int i = 0; i < OBJECTS; i++)
        if (object[i].memory == m)
            return &object[i];
    return NULL;
}

void memory_wake(struct memory *m, uint64_t page, uint64_t pages)
{
    struct object_under_test *o = under_test(m);
    for (unsigned i = 0; i < VIEW_PAGES; i++)
        if (view_page(i) >= page && view_page(i) - page < pages)
            o->woken[i] = true;
}

static unsigned view_of(const struct object_under_test *o)
{
    return o->pages > LOW_PAGES ? VIEW_PAGES : (unsigned)o->pages;
}

static bool is_large(const struct object_under_test *o)
{
    return o->pages > CHUNK;
}

static uint64_t lent_by(int index)
{
    uint64_t lent = 0;
    for (int o = 0; o < OBJECTS; o++)
        for (unsigned i = 0; object[o].base == index && object[o].base_alive && i < view_of(&object[o]); i++)
            lent += object[o].slot[i].borrowed;
    return lent;
}

// Comparison

static void check_slot(const struct object_under_test *o, unsigned i)
{
    uint64_t e = memory_slot(o->memory, view_page(i));
    const struct slot *s = &o->slot[i];
    assert_int_equal(e ? entry_address(e) : 0, s->frame);
    if (!e)
        return;
    assert_int_equal(entry_allows(e), s->rights);
    assert_int_equal(!!(e & ENTRY_BORROWED), s->borrowed);
}

static uint64_t large_pages(const struct memory *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->directories * ENTRIES; i++)
        n += entry_is_large(m->tree[PAGING_X86][i]) ? ENTRIES : 0;
    return n;
}

static void check_counters(const struct object_under_test *o)
{
    const struct memory *m = o->memory;
    uint64_t filled = 0, borrowed = 0;
    for (unsigned i = 0; i < view_of(o); i++) {
        filled += o->slot[i].frame != 0;
        borrowed += o->slot[i].borrowed;
    }
    assert_int_equal(m->filled, filled);
    assert_int_equal(m->borrowed, borrowed);
    assert_int_equal(m->lent, lent_by((int)(o - object)));
    assert_int_equal(m->large, large_pages(m));
    assert_int_equal(o->payer.used, memory_cost(m));
    assert_int_equal(memory_is_empty(m), filled == borrowed && !m->lent);
}

// Pages i to i + n of the object's view, wherever it is mapped.
static void check_machine(const struct object_under_test *o, unsigned i, unsigned n)
{
    for (int a = 0; a < SPACES; a++)
        for (int s = 0; s < SEATS; s++)
            for (unsigned k = i; seat[a][s].memory == o->memory && k < i + n && k < seat_pages(&seat[a][s]);
                 k++)
                seat_check(&seat[a][s], k);
}

static void check_translations(const struct seat *s)
{
    const struct object_under_test *o = s->memory ? under_test(s->memory) : NULL;
    for (unsigned i = 0; i < seat_pages(s); i++) {
        bool there = o && i < view_of(o) && o->slot[i].frame;
        assert_int_equal(s->tlb[i].frame, there ? o->slot[i].frame : 0);
        if (there)
            assert_int_equal(s->tlb[i].rights, o->slot[i].rights & s->rights);
    }
}

static void check_all(void)
{
    for (int o = 0; o < OBJECTS; o++) {
        for (unsigned i = 0; i < view_of(&object[o]); i++)
            check_slot(&object[o], i);
        check_counters(&object[o]);
    }
    for (int a = 0; a < SPACES; a++)
        for (int s = 0; s < SEATS; s++) {
            for (unsigned i = 0; i < seat_pages(&seat[a][s]); i++)
                seat_check(&seat[a][s], i);
            check_translations(&seat[a][s]);
        }
}

// No frame is in two slots that own it, and none got lost.
static void check_frames(uint64_t frames)
{
    static uint8_t owned[8 * CHUNK + 1];
    uint64_t n = 0;
    memset(owned, 0, sizeof owned);
    for (int o = 0; o < OBJECTS; o++)
        for (unsigned i = 0; i < view_of(&object[o]); i++) {
            const struct slot *s = &object[o].slot[i];
            if (s->frame && !s->borrowed) {
                assert_int_equal(owned[s->frame / PAGE_SIZE % (8 * CHUNK)]++, 0);
                n++;
            }
        }
    assert_int_equal(n, frames);
}
