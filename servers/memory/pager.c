// The pager: zero pages, borrowed pages, copies, scratch pages.
// SPDX-License-Identifier: MIT
//
// A fault whose slot has been filled meanwhile is settled: who fills a slot wakes everybody who waits for it.
#include "servers/memory/pager.h"

#include <stddef.h>

#include "libipc/abi/caps.h"

enum { BORROW_AROUND = 64 };

static uint64_t reserve(const struct pager *p)
{
    return (uint64_t)PAGER_SCRATCH * p->rams;
}

static void commit_books(struct pager *p)
{
    const struct books_state *s = p->books.state;
    p->commit(
        (struct state_range[]){{&s->last, sizeof s->last}, {&s->given[s->last.chunk], sizeof s->given[0]}},
        2);
}

// ---- pages of its own ----

static bool is_backed(const struct pager *p, uint32_t ram, uint64_t first, uint64_t pages)
{
    for (uint32_t i = 0; i < p->backings; i++) {
        const struct backing *b = &p->backing[i];
        if (b->ram == ram && b->first < first + pages && first < b->first + b->pages)
            return true;
    }
    return false;
}

static bool is_broken(const struct pager *p, uint32_t ram, uint64_t chunk)
{
    return p->broken[ram][chunk / 8] >> chunk % 8 & 1;
}

static void set_broken(struct pager *p, uint32_t ram, uint64_t chunk)
{
    p->broken[ram][chunk / 8] |= (uint8_t)(1 << chunk % 8);
}

static bool give_large(struct pager *p, uint32_t ram, uint64_t page)
{
    uint64_t chunk = page / CHUNK_PAGES, first = chunk * CHUNK_PAGES;
    struct place place;
    if (is_broken(p, ram, chunk) || !books_take_large(&p->books, reserve(p), &place))
        return false;
    commit_books(p);
    enum status status = pages_supply(ram, first, place, CHUNK_PAGES);
    if (status == STATUS_OK)
        return true;
    books_return_last(&p->books, true);
    commit_books(p);
    set_broken(p, ram, chunk);
    return false;
}

static bool settle(struct pager *p, uint32_t ram, uint64_t page, struct place place)
{
    commit_books(p);
    enum status status = pages_supply(ram, page, place, 1);
    set_broken(p, ram, page / CHUNK_PAGES);
    if (status == STATUS_OK)
        return true;
    books_return_last(&p->books, false);
    commit_books(p);
    return status == STATUS_EXISTS;
}

static bool give_small(struct pager *p, uint32_t ram, uint64_t page)
{
    struct place place;
    return books_take_small(&p->books, reserve(p), &place) && settle(p, ram, page, place);
}

// ---- images ----

static const struct backing *backing_of(const struct pager *p, uint32_t ram, uint64_t page)
{
    for (uint32_t i = 0; i < p->backings; i++) {
        const struct backing *b = &p->backing[i];
        if (b->ram == ram && page - b->first < b->pages)
            return b;
    }
    return NULL;
}

// Its neighbours as well, where all of them are still missing.
static bool borrow(uint32_t ram, uint64_t page, const struct backing *b)
{
    uint64_t first = page & ~(uint64_t)(BORROW_AROUND - 1), end = first + BORROW_AROUND;
    first = first < b->first ? b->first : first;
    end = end > b->first + b->pages ? b->first + b->pages : end;
    if (pages_borrow(ram, first, b->archive + (first - b->first), end - first) == STATUS_OK)
        return true;
    enum status status = pages_borrow(ram, page, b->archive + (page - b->first), 1);
    return status == STATUS_OK || status == STATUS_EXISTS;
}

// The place holds the copy when the borrowed page goes, so that nothing but a borrowed page can go.
static bool copy(struct pager *p, uint32_t ram, uint64_t page, const struct backing *b)
{
    struct place place;
    if (!books_take_small(&p->books, reserve(p), &place))
        return false;
    place_copy(place, b->archive + (page - b->first));
    enum status status = pages_withdraw(ram, page, place);
    if (status == STATUS_OK)
        return settle(p, ram, page, place);
    books_return_last(&p->books, false);
    return status == STATUS_EXISTS;
}

// ---- scratch pages ----

static struct place scratch_place(const struct scratch *s, uint64_t i)
{
    return (struct place){(uint32_t)s->at[i].pool, s->at[i].pool_page};
}

// A page that was on its way when the server died is in the pool, or lost to the guest.
static void scratch_open(struct pager *p, struct scratch *s)
{
    for (uint64_t i = 0; i < PAGER_SCRATCH; i++) {
        if (!s->at[i].used || !place_is_filled(scratch_place(s, i)))
            continue;
        s->at[i].used = 0;
        p->commit(&(struct state_range){&s->at[i], sizeof s->at[i]}, 1);
    }
}

// Out of the reserve at first.
static bool new_scratch(struct pager *p, struct scratch *s, uint64_t i, struct place *place)
{
    if (!books_take_small(&p->books, 0, place))
        return false;
    commit_books(p);
    s->at[i].used = 1;
    s->at[i].pool = place->pool;
    s->at[i].pool_page = place->page;
    return true;
}

static bool old_scratch(const struct scratch *s, uint32_t ram, uint64_t i, struct place *place)
{
    *place = scratch_place(s, i);
    if (pages_withdraw(ram, s->at[i].page, *place) != STATUS_OK || !place_is_filled(*place))
        return false;
    place_zero(*place, 1);
    return true;
}

static bool give_scratch(struct pager *p, uint32_t ram, uint64_t page)
{
    struct scratch *s = &p->scratch[ram];
    struct place place;
    uint64_t i = s->next % PAGER_SCRATCH;
    if (!(s->at[i].used && old_scratch(s, ram, i, &place)) && !new_scratch(p, s, i, &place))
        return false;
    s->at[i].page = page;
    s->next++;
    s->faults++;
    p->commit(&(struct state_range){s, sizeof *s}, 1);
    set_broken(p, ram, page / CHUNK_PAGES);
    enum status status = pages_supply(ram, page, place, 1);
    return status == STATUS_OK || status == STATUS_EXISTS;
}

// ---- all of it ----

void pager_open(struct pager *p)
{
    commit_books(p); // what became of the last pages is known now
    for (uint32_t ram = 0; ram < p->rams; ram++) {
        scratch_open(p, &p->scratch[ram]);
        for (uint64_t first = 0; first < p->ram_pages[ram]; first += CHUNK_PAGES)
            if (first + CHUNK_PAGES > p->ram_pages[ram] || is_backed(p, ram, first, CHUNK_PAGES))
                set_broken(p, ram, first / CHUNK_PAGES);
    }
}

enum pager_outcome pager_fault(struct pager *p, uint32_t ram, uint64_t page, uint32_t rights)
{
    const struct backing *b = backing_of(p, ram, page);
    bool given = !b                     ? give_large(p, ram, page) || give_small(p, ram, page)
                 : rights & RIGHT_WRITE ? copy(p, ram, page, b)
                                        : borrow(ram, page, b);
    if (given)
        return PAGER_GIVEN;
    return give_scratch(p, ram, page) ? PAGER_SCRATCHED : PAGER_REFUSED;
}
