// The pager: zero pages, borrowed pages, copies, scratch pages.
// SPDX-License-Identifier: MIT
//
// A fault whose slot has been filled meanwhile is settled: who fills a slot wakes everybody who waits for it.
// A copy replaces a borrowed page in two steps of the kernel's; that it was begun is committed before, so
// that a death between them loses nothing.
#include "servers/memory/pager.h"

#include <stddef.h>
#include <string.h>

#include "libipc/abi/caps.h"
#include "libipc/proto/memory.h"

enum { GIVE_AROUND = 16 };

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
    enum status status = large_supply(ram, first, place);
    if (status == STATUS_OK)
        return true;
    books_return_last(&p->books, true);
    commit_books(p);
    set_broken(p, ram, chunk);
    return false;
}

// Pages in a row of one kind.
struct run {
    uint64_t first, pages;
};

// Around a page: a fault costs more than to give its neighbours as well.
static struct run run_around(const struct pager *p, uint32_t ram, uint64_t page, enum page_kind kind)
{
    uint64_t first = page, end = page + 1, least = page / GIVE_AROUND * GIVE_AROUND;
    uint64_t most = least + GIVE_AROUND < p->ram_pages[ram] ? least + GIVE_AROUND : p->ram_pages[ram];
    while (first > least && page_kind(ram, first - 1) == kind)
        first--;
    while (end < most && page_kind(ram, end) == kind)
        end++;
    return (struct run){first, end - first};
}

// As much of the run as memory is there for, and the page in any case.
static bool take_run(struct pager *p, struct run *run, uint64_t page, struct place *place)
{
    run->pages = books_take_small(&p->books, reserve(p), run->pages, place);
    if (run->first + run->pages <= page)
        run->first = page + 1 - run->pages;
    return run->pages;
}

static bool give_small(struct pager *p, uint32_t ram, uint64_t page)
{
    struct run run = run_around(p, ram, page, PAGE_MISSING);
    struct place place;
    if (!take_run(p, &run, page, &place))
        return false;
    commit_books(p);
    set_broken(p, ram, page / CHUNK_PAGES);
    enum status status = pages_supply(ram, run.first, place, run.pages);
    if (status == STATUS_OK)
        return true;
    books_return_last(&p->books, false);
    commit_books(p);
    return status == STATUS_EXISTS;
}

// ---- images ----

// The place holds the copies when the borrowed pages go, so that nothing but borrowed pages can go.
static bool exchange(struct pager *p, uint32_t ram, uint64_t page, struct place place, uint64_t pages)
{
    enum status status = pages_withdraw(ram, page, place, pages);
    if (status == STATUS_OK)
        status = pages_supply(ram, page, place, pages);
    if (status == STATUS_OK)
        return true;
    books_return_last(&p->books, false);
    commit_books(p);
    return status == STATUS_EXISTS;
}

static bool copy(struct pager *p, uint32_t ram, uint64_t page)
{
    struct run run = run_around(p, ram, page, PAGE_BORROWED);
    struct place place;
    if (!take_run(p, &run, page, &place))
        return false;
    place_copy(place, ram, run.first, run.pages);
    p->books.state->last.copy = 1 + ram;
    p->books.state->last.page = run.first;
    commit_books(p);
    return exchange(p, ram, run.first, place, run.pages);
}

static void finish_copy(struct pager *p)
{
    const struct books_last *last = &p->books.state->last;
    struct place place;
    if (last->copy && last->copy <= p->rams && books_last(&p->books, &place))
        (void)exchange(p, last->copy - 1, last->page, place, last->pages);
}

// One page, over whatever is there.
static enum status renew(const struct pager *p, uint32_t ram, uint64_t page, uint64_t archive_page)
{
    struct place nowhere = {0, p->books.pools.pool[0].first}; // a borrowed page goes to no place
    enum status status = STATUS_OK;
    switch (page_kind(ram, page)) {
    case PAGE_OWN: page_restore(ram, page, archive_page); return STATUS_OK;
    case PAGE_BORROWED: status = pages_withdraw(ram, page, nowhere, 1); break;
    case PAGE_MISSING: break;
    }
    return status == STATUS_OK ? pages_borrow(ram, page, archive_page, 1) : status;
}

MUST_CHECK enum status pager_image(struct pager *p, uint32_t ram, uint64_t number, uint64_t first,
                                   uint64_t page, uint64_t pages)
{
    const struct ram_entry *entry = &p->table->ram[ram];
    const struct ram_image *i =
        number < entry->images && number < MEMORY_IMAGES_MAX ? &entry->image[number] : NULL;
    if (!i || !pages || pages > MEMORY_IMAGE_MOST || first >= i->pages || pages > i->pages - first ||
        page >= p->ram_pages[ram] || pages > p->ram_pages[ram] - page)
        return STATUS_BAD_ARG;
    for (uint64_t n = page / CHUNK_PAGES; n <= (page + pages - 1) / CHUNK_PAGES; n++)
        set_broken(p, ram, n);
    enum status status = pages_borrow(ram, page, i->first + first, pages);
    if (status != STATUS_EXISTS)
        return status;
    for (status = STATUS_OK; pages && status == STATUS_OK; pages--)
        status = renew(p, ram, page++, i->first + first++);
    return status;
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
    if (!books_take_small(&p->books, 0, 1, place))
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
    if (pages_withdraw(ram, s->at[i].page, *place, 1) != STATUS_OK || !place_is_filled(*place))
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
    if (page_kind(ram, page) == PAGE_BORROWED) { // it was to be written
        place_copy(place, ram, page, 1);
        if (pages_withdraw(ram, page, place, 1) != STATUS_OK)
            return false;
    }
    enum status status = pages_supply(ram, page, place, 1);
    return status == STATUS_OK || status == STATUS_EXISTS;
}

// ---- back ----

// A 2 MiB page does not fit where the memory ends in the middle of one.
static void note_tail(struct pager *p, uint32_t ram)
{
    if (p->ram_pages[ram] % CHUNK_PAGES)
        set_broken(p, ram, p->ram_pages[ram] / CHUNK_PAGES);
}

static bool take_back_large(struct pager *p, uint32_t ram, uint64_t page)
{
    struct place place;
    if (page + CHUNK_PAGES > p->ram_pages[ram] || !books_back_large(&p->books, &place))
        return false;
    commit_books(p);
    bool came = large_withdraw(ram, page, place) == STATUS_OK;
    if (came)
        books_came_back(&p->books);
    else // it is no 2 MiB page
        books_stayed(&p->books);
    commit_books(p);
    return came;
}

static bool take_back_small(struct pager *p, uint32_t ram, uint64_t page, uint64_t *pages)
{
    struct place place;
    if (!books_back_small(&p->books, pages, &place))
        return false;
    commit_books(p);
    bool came = pages_withdraw(ram, page, place, *pages) == STATUS_OK;
    if (came)
        books_came_back(&p->books);
    else
        books_stayed(&p->books);
    commit_books(p);
    return came;
}

// Pages in a row of one kind, up to the end of the chunk; 512 at once the books would take for a 2 MiB page.
static uint64_t run_of(uint32_t ram, uint64_t page, uint64_t end, enum page_kind kind)
{
    uint64_t n = 1;
    while (page + n < end && n < CHUNK_PAGES - 1 && page_kind(ram, page + n) == kind)
        n++;
    return n;
}

bool pager_take_back(struct pager *p, uint32_t ram, uint64_t chunk)
{
    struct place nowhere = {0, p->books.pools.pool[0].first};
    uint64_t page = chunk * CHUNK_PAGES, end = page + CHUNK_PAGES, pages;
    if (take_back_large(p, ram, page))
        return true;
    end = end < p->ram_pages[ram] ? end : p->ram_pages[ram];
    for (; page < end; page += pages) {
        enum page_kind kind = page_kind(ram, page);
        pages = run_of(ram, page, end, kind);
        if (kind == PAGE_OWN && !take_back_small(p, ram, page, &pages))
            return false;
        if (kind == PAGE_BORROWED && pages_withdraw(ram, page, nowhere, pages) != STATUS_OK)
            return false;
    }
    return true;
}

void pager_emptied(struct pager *p, uint32_t ram)
{
    memset(&p->scratch[ram], 0, sizeof p->scratch[ram]);
    p->commit(&(struct state_range){&p->scratch[ram], sizeof p->scratch[ram]}, 1);
    memset(p->broken[ram], 0, p->ram_pages[ram] / CHUNK_PAGES / 8 + 1);
    note_tail(p, ram);
}

// ---- all of it ----

void pager_add_ram(struct pager *p, uint32_t ram)
{
    scratch_open(p, &p->scratch[ram]);
    note_tail(p, ram);
}

void pager_open(struct pager *p)
{
    finish_copy(p);
    commit_books(p); // what became of the last pages is known now
    for (uint32_t ram = 0; ram < p->rams; ram++)
        if (p->ram_pages[ram])
            pager_add_ram(p, ram);
}

// Where something is already, small pages are given, and only there a borrowed one can be.
static bool give(struct pager *p, uint32_t ram, uint64_t page, uint32_t rights)
{
    if (give_large(p, ram, page))
        return true;
    bool borrowed = rights & RIGHT_WRITE && page_kind(ram, page) == PAGE_BORROWED;
    return borrowed ? copy(p, ram, page) : give_small(p, ram, page);
}

enum pager_outcome pager_fault(struct pager *p, uint32_t ram, uint64_t page, uint32_t rights)
{
    if (give(p, ram, page, rights))
        return PAGER_GIVEN;
    return give_scratch(p, ram, page) ? PAGER_SCRATCHED : PAGER_REFUSED;
}
