// Memory objects without a kernel: pools, guests' memory and the archive as slots, pages as numbers.
// SPDX-License-Identifier: MIT
//
// A page's content is one word: 0 for zeros, DIRT for what nobody wrote, else what was copied or written.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/memory/pager.h"

enum {
    WORLD_POOLS = 2,
    WORLD_POOL_PAGES = 4 * CHUNK_PAGES,
    WORLD_RAMS = 2,
    WORLD_RAM_PAGES = 3 * CHUNK_PAGES + 7,
    WORLD_DIRT = 0xd1,
    WORLD_ARCHIVE = 0x1000, // content of its page 0, and so on
    WORLD_IMAGE = 40,       // its pages that the first guest may have
    WORLD_IMAGE_PAGES = 100
};

struct slot {
    bool filled, borrowed;
    bool single; // it was moved without the rest of its 2 MiB page
    uint64_t content;
};

static struct {
    struct slot pool[WORLD_POOLS][WORLD_POOL_PAGES];
    struct slot ram[WORLD_RAMS][WORLD_RAM_PAGES];
    struct books_state books, committed_books;
    struct scratch scratch[PAGER_RAMS_MAX], committed_scratch[PAGER_RAMS_MAX];
    struct pager pager;
    struct pool_table pools;
    struct ram_table table;
    uint8_t broken[WORLD_RAMS][8];
    uint64_t steps, cut;  // the server dies in front of this step
    uint64_t zeroed;      // pages
    struct place filling; // what is zeroed ahead, how far, and how far in all
    uint64_t filled, fill_pages;
    bool no_quota;
    jmp_buf out;
} world;

static inline void world_must(bool good)
{
    if (!good)
        abort();
}

static inline void world_step(void)
{
    if (++world.steps == world.cut)
        longjmp(world.out, 1);
}

static inline struct slot *world_place(struct place p)
{
    world_must(p.pool < WORLD_POOLS && p.page < WORLD_POOL_PAGES);
    return &world.pool[p.pool][p.page];
}

static enum status supply(uint32_t ram, uint64_t page, struct place from, uint64_t pages, bool large)
{
    world_step();
    world_must(!large || page % CHUNK_PAGES == 0);
    world_must(ram < WORLD_RAMS && page + pages <= WORLD_RAM_PAGES);
    for (uint64_t i = 0; i < pages; i++) {
        if (!world_place((struct place){from.pool, from.page + i})->filled)
            return STATUS_NOT_FOUND;
        if (world.ram[ram][page + i].filled)
            return STATUS_EXISTS;
        if (large && world_place((struct place){from.pool, from.page + i})->single)
            return STATUS_NOT_FOUND;
    }
    if (world.no_quota && !large)
        return STATUS_NO_QUOTA;
    for (uint64_t i = 0; i < pages; i++) {
        struct slot *s = world_place((struct place){from.pool, from.page + i});
        world.ram[ram][page + i] = *s;
        world.ram[ram][page + i].single |= !large;
        s->filled = false;
    }
    return STATUS_OK;
}

enum status pages_supply(uint32_t ram, uint64_t page, struct place from, uint64_t pages)
{
    return supply(ram, page, from, pages, false);
}

enum status large_supply(uint32_t ram, uint64_t page, struct place from)
{
    return supply(ram, page, from, CHUNK_PAGES, true);
}

uint64_t ram_filled(uint32_t ram)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < WORLD_RAM_PAGES; i++)
        count += world.ram[ram][i].filled;
    return count;
}

enum status pages_borrow(uint32_t ram, uint64_t page, uint64_t archive_page, uint64_t pages)
{
    world_step();
    for (uint64_t i = 0; i < pages; i++)
        if (world.ram[ram][page + i].filled)
            return STATUS_EXISTS;
    for (uint64_t i = 0; i < pages; i++)
        world.ram[ram][page + i] = (struct slot){true, true, true, WORLD_ARCHIVE + archive_page + i};
    return STATUS_OK;
}

static enum status withdraw(uint32_t ram, uint64_t page, struct place to, uint64_t pages, bool large)
{
    world_step();
    for (uint64_t i = 0; i < pages; i++) {
        const struct slot *s = &world.ram[ram][page + i];
        if (s->filled && !s->borrowed && world_place((struct place){to.pool, to.page + i})->filled)
            return STATUS_EXISTS;
        if (large && (!s->filled || s->borrowed || s->single))
            return STATUS_NOT_FOUND;
    }
    for (uint64_t i = 0; i < pages; i++) {
        struct slot *s = &world.ram[ram][page + i];
        if (s->filled && !s->borrowed) {
            s->single |= !large;
            *world_place((struct place){to.pool, to.page + i}) = *s;
        }
        s->filled = s->borrowed = false;
    }
    return STATUS_OK;
}

enum status pages_withdraw(uint32_t ram, uint64_t page, struct place to, uint64_t pages)
{
    return withdraw(ram, page, to, pages, false);
}

enum status large_withdraw(uint32_t ram, uint64_t page, struct place to)
{
    return withdraw(ram, page, to, CHUNK_PAGES, true);
}

bool place_is_filled(struct place p)
{
    world_step();
    return world_place(p)->filled;
}

void place_zero(struct place p, uint64_t pages)
{
    world_step();
    for (uint64_t i = 0; i < pages; i++) {
        struct slot *s = world_place((struct place){p.pool, p.page + i});
        world_must(s->filled); // the server would die of it
        s->content = 0;
    }
    world.zeroed += pages;
}

void place_copy(struct place p, uint32_t ram, uint64_t page, uint64_t pages)
{
    world_step();
    for (uint64_t i = 0; i < pages; i++) {
        struct slot *to = world_place((struct place){p.pool, p.page + i});
        world_must(to->filled && world.ram[ram][page + i].filled);
        to->content = world.ram[ram][page + i].content;
    }
}

enum page_kind page_kind(uint32_t ram, uint64_t page)
{
    world_step();
    const struct slot *s = &world.ram[ram][page];
    return !s->filled ? PAGE_MISSING : s->borrowed ? PAGE_BORROWED : PAGE_OWN;
}

void page_restore(uint32_t ram, uint64_t page, uint64_t archive_page)
{
    world_step();
    world_must(world.ram[ram][page].filled && !world.ram[ram][page].borrowed);
    world.ram[ram][page].content = WORLD_ARCHIVE + archive_page;
}

void fill_begin(struct place p, uint64_t pages)
{
    world_must(world.filled == world.fill_pages); // one run at a time
    world.filling = p;
    world.filled = 0;
    world.fill_pages = pages;
}

bool fill_done(void)
{
    return world.filled == world.fill_pages;
}

uint64_t fill_end(void)
{
    uint64_t filled = world.filled;
    world.filled = world.fill_pages = 0;
    return filled;
}

// The CPU has nothing else to do for as long as so many pages take. A page that was given away meanwhile
// would be missing.
static inline void world_idle(uint64_t pages)
{
    for (; pages && world.filled < world.fill_pages; pages--)
        place_zero((struct place){world.filling.pool, world.filling.page + world.filled++}, 1);
}

static inline void world_commit(const struct state_range *ranges, size_t count)
{
    world_step();
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = ranges[i].from;
        uint8_t *to = from >= (uint8_t *)world.scratch && from < (uint8_t *)(world.scratch + PAGER_RAMS_MAX)
                          ? (uint8_t *)world.committed_scratch + (from - (uint8_t *)world.scratch)
                          : (uint8_t *)&world.committed_books + (from - (uint8_t *)&world.books);
        memcpy(to, from, ranges[i].bytes);
    }
    world_step();
}

static inline void world_start(uint32_t goal)
{
    struct pager *p = &world.pager;
    world.books = world.committed_books;
    memcpy(world.scratch, world.committed_scratch, sizeof world.scratch);
    memset(world.broken, 0, sizeof world.broken);
    (void)fill_end();
    *p = (struct pager){
        .scratch = world.scratch, .rams = WORLD_RAMS, .table = &world.table, .commit = world_commit};
    for (uint32_t i = 0; i < WORLD_RAMS; i++) {
        p->ram_pages[i] = WORLD_RAM_PAGES;
        p->broken[i] = world.broken[i];
    }
    books_open(&p->books, &world.books, &world.pools, goal);
    pager_open(p);
}

// `pages` of each pool are there, from `first` on.
static inline void world_begin(uint64_t first, uint64_t pages)
{
    memset(&world, 0, sizeof world);
    world.pools.count = WORLD_POOLS;
    world.table.ram[0] = (struct ram_entry){.images = 1, .image = {{WORLD_IMAGE, WORLD_IMAGE_PAGES}}};
    for (uint32_t p = 0; p < WORLD_POOLS; p++) {
        world.pools.pool[p] = (struct pool){first, pages, WORLD_POOL_PAGES};
        for (uint64_t i = first; i < first + pages; i++)
            world.pool[p][i] = (struct slot){.filled = true, .content = WORLD_DIRT};
    }
}

static inline uint64_t world_pool_pages(void)
{
    uint64_t pages = 0;
    for (uint32_t p = 0; p < WORLD_POOLS; p++)
        for (uint64_t i = 0; i < WORLD_POOL_PAGES; i++)
            pages += world.pool[p][i].filled;
    return pages;
}
