// The books: free pages, zero pages.
// SPDX-License-Identifier: MIT
//
// Whole chunks are found by a cursor that only moves on: a chunk that it passed is in the stock, given, or
// opened for single pages.
#include "servers/memory/books.h"

struct chunk {
    struct place base; // its first page that there is
    uint32_t pages;
};

static struct chunk chunk_at(const struct books *b, uint32_t index)
{
    uint32_t p = 0;
    while (p + 1 < b->pools.count && index >= b->first_chunk[p + 1])
        p++;
    const struct pool *pool = &b->pools.pool[p];
    uint64_t end = pool->first + pool->pages;
    uint64_t first = (pool->first / CHUNK_PAGES + index - b->first_chunk[p]) * CHUNK_PAGES,
             last = first + CHUNK_PAGES;
    first = first < pool->first ? pool->first : first;
    last = last > end ? end : last;
    return (struct chunk){{p, first}, (uint32_t)(last - first)};
}

static uint32_t count_chunks(const struct pool *p)
{
    return p->pages ? (uint32_t)((p->first + p->pages - 1) / CHUNK_PAGES - p->first / CHUNK_PAGES + 1) : 0;
}

static uint32_t left(const struct books *b, uint32_t index)
{
    return chunk_at(b, index).pages - b->state->given[index];
}

static struct place page_of(const struct books *b, uint32_t chunk, uint32_t page)
{
    struct place p = chunk_at(b, chunk).base;
    p.page += page;
    return p;
}

static void undo_last(struct books *b)
{
    struct books_last *last = &b->state->last;
    b->state->given[last->chunk] = (uint16_t)(b->state->given[last->chunk] - last->pages);
    last->pages = 0;
}

MUST_CHECK bool books_last(const struct books *b, struct place *place)
{
    const struct books_last *last = &b->state->last;
    if (!last->pages || last->chunk >= b->chunks)
        return false;
    *place = page_of(b, last->chunk, b->state->given[last->chunk] - last->pages);
    return place_is_filled(*place);
}

// Given by the books, but the server died before it left. A copy is on its way still (pager.c).
static void settle_last(struct books *b)
{
    struct place place;
    if (!b->state->last.copy && books_last(b, &place))
        undo_last(b);
}

void books_open(struct books *b, struct books_state *state, const struct pool_table *pools, uint32_t goal)
{
    *b = (struct books){.state = state, .pools = *pools, .open = BOOKS_NONE, .filling = BOOKS_NONE};
    b->goal = goal < BOOKS_STOCK_MAX ? goal : BOOKS_STOCK_MAX;
    for (uint32_t p = 0; p < pools->count; p++) {
        b->first_chunk[p] = b->chunks;
        b->chunks += count_chunks(&pools->pool[p]);
    }
    b->chunks = b->chunks < BOOKS_CHUNKS_MAX ? b->chunks : BOOKS_CHUNKS_MAX;
    settle_last(b);
    for (uint32_t i = 0; i < b->chunks; i++)
        b->free += left(b, i);
}

static void give(struct books *b, uint32_t chunk, uint32_t pages)
{
    b->state->last = (struct books_last){.chunk = chunk, .pages = pages};
    b->state->given[chunk] = (uint16_t)(b->state->given[chunk] + pages);
    b->free -= pages;
}

void books_return_last(struct books *b, bool clean)
{
    struct books_last last = b->state->last;
    undo_last(b);
    b->free += last.pages;
    if (last.pages != CHUNK_PAGES) {
        if (!clean && last.chunk == b->open)
            b->open_clean = b->state->given[last.chunk];
    } else if (clean && b->ready_count < BOOKS_STOCK_MAX) {
        b->ready[b->ready_count++] = last.chunk;
    } else if (last.chunk < b->cursor) {
        b->cursor = last.chunk;
    }
}

static bool is_stocked(const struct books *b, uint32_t chunk)
{
    for (uint32_t i = 0; i < b->ready_count; i++)
        if (b->ready[i] == chunk)
            return true;
    return chunk == b->filling || chunk == b->open;
}

// A whole chunk that nobody has zeroed yet.
static uint32_t find_whole(struct books *b)
{
    for (; b->cursor < b->chunks; b->cursor++)
        if (left(b, b->cursor) == CHUNK_PAGES && !is_stocked(b, b->cursor))
            return b->cursor++;
    return BOOKS_NONE;
}

// A chunk of zeros, out of the stock if that has one.
static uint32_t whole_chunk(struct books *b)
{
    if (b->ready_count)
        return b->ready[--b->ready_count];
    bool begun = b->filling != BOOKS_NONE;
    uint32_t chunk = begun ? b->filling : find_whole(b);
    uint64_t clean = begun ? fill_end() : 0;
    b->filling = BOOKS_NONE;
    if (chunk != BOOKS_NONE && clean < CHUNK_PAGES)
        place_zero(page_of(b, chunk, (uint32_t)clean), CHUNK_PAGES - clean);
    return chunk;
}

MUST_CHECK bool books_take_large(struct books *b, uint64_t reserve, struct place *place)
{
    uint32_t chunk = b->free >= reserve + CHUNK_PAGES ? whole_chunk(b) : BOOKS_NONE;
    if (chunk == BOOKS_NONE)
        return false;
    *place = page_of(b, chunk, 0);
    give(b, chunk, CHUNK_PAGES);
    return true;
}

// The edges of pools and what was opened before come first, so that whole chunks stay whole.
static uint32_t find_partial(struct books *b)
{
    for (; b->partial < b->chunks; b->partial++) {
        uint32_t pages = left(b, b->partial);
        if (pages && pages < CHUNK_PAGES)
            return b->partial;
    }
    return BOOKS_NONE;
}

static bool open_chunk(struct books *b)
{
    if (b->open != BOOKS_NONE && left(b, b->open))
        return true;
    b->open = find_partial(b);
    if (b->open != BOOKS_NONE) {
        b->open_clean = b->state->given[b->open];
        return true;
    }
    b->open = whole_chunk(b);
    b->open_clean = CHUNK_PAGES;
    return b->open != BOOKS_NONE;
}

MUST_CHECK uint64_t books_take_small(struct books *b, uint64_t reserve, uint64_t most, struct place *place)
{
    if (b->free <= reserve || !open_chunk(b))
        return 0;
    uint64_t pages = b->free - reserve < most ? b->free - reserve : most;
    pages = pages < left(b, b->open) ? pages : left(b, b->open);
    uint32_t page = b->state->given[b->open], end = page + (uint32_t)pages;
    *place = page_of(b, b->open, page);
    if (b->open_clean < end) {
        place_zero(*place, pages);
        b->open_clean = end;
    }
    give(b, b->open, (uint32_t)pages);
    return pages;
}

// ---- back ----

// As if they had just been given: who dies before they are back finds them given, or in the pool
// (settle_last).
static void expect_back(struct books *b, uint32_t chunk, uint32_t pages, struct place *place)
{
    b->state->last = (struct books_last){.chunk = chunk, .pages = pages};
    *place = page_of(b, chunk, b->state->given[chunk] - pages);
}

MUST_CHECK bool books_back_large(struct books *b, struct place *place)
{
    for (uint32_t i = 0; i < b->chunks; i++) {
        struct chunk c = chunk_at(b, i);
        if (c.pages != CHUNK_PAGES || b->state->given[i] != CHUNK_PAGES)
            continue;
        expect_back(b, i, CHUNK_PAGES, place);
        return true;
    }
    return false;
}

MUST_CHECK bool books_back_small(struct books *b, uint64_t *pages, struct place *place)
{
    for (uint32_t n = 0; n < b->chunks; n++, b->back++) {
        b->back = b->back < b->chunks ? b->back : 0;
        uint32_t given = b->state->given[b->back];
        if (!given)
            continue;
        *pages = *pages < given ? *pages : given;
        expect_back(b, b->back, (uint32_t)*pages, place);
        return true;
    }
    return false;
}

// They hold anything, and cursors that had passed the chunk may find it.
void books_came_back(struct books *b)
{
    uint32_t chunk = b->state->last.chunk;
    b->free += b->state->last.pages;
    undo_last(b);
    b->cursor = chunk < b->cursor ? chunk : b->cursor;
    b->partial = chunk < b->partial ? chunk : b->partial;
    if (chunk == b->open && b->state->given[chunk] < b->open_clean)
        b->open_clean = b->state->given[chunk];
}

void books_stayed(struct books *b)
{
    b->state->last.pages = 0;
}

void books_fill(struct books *b)
{
    if (b->filling != BOOKS_NONE && fill_done()) {
        b->ready[b->ready_count++] = b->filling;
        b->filling = BOOKS_NONE;
    }
    if (b->filling != BOOKS_NONE || b->ready_count >= b->goal)
        return;
    b->filling = find_whole(b);
    if (b->filling != BOOKS_NONE)
        fill_begin(page_of(b, b->filling, 0), CHUNK_PAGES);
}
