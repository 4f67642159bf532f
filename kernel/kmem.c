// Kernel memory: pages by a bitmap, small blocks out of pages by size.
// SPDX-License-Identifier: MIT
//
// Single pages and power-of-two blocks below a page cover nearly everything. Runs of several pages (big
// capability tables, control blocks of vCPUs) are found by first fit, so that freed pages serve any length.
// Pages of small blocks stay with their size.
#include "kernel/kmem.h"

#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"
#include "kernel/process.h"

enum { BLOCK_MIN = 64 };

struct free_block {
    struct free_block *next;
};

size_t kmem_total_pages, kmem_free_pages;
static struct free_block *free_small[PAGE_SHIFT]; // by the logarithm of their size
static char *pool;
static uint64_t *used; // a bit a page
static size_t lowest;  // no page below is free

static void mark(size_t page, size_t pages)
{
    for (size_t i = page; i < page + pages; i++)
        used[i / 64] ^= 1ul << i % 64;
}

void kmem_init(struct range range)
{
    pool = pool_pointer(range.base);
    used = (uint64_t *)pool;
    kmem_total_pages = range.size / PAGE_SIZE;
    lowest = (kmem_total_pages / 8 + PAGE_SIZE) / PAGE_SIZE;
    kmem_free_pages = kmem_total_pages - lowest;
    memset(used, 0, lowest * PAGE_SIZE);
    mark(0, lowest);
}

size_t kmem_cost(size_t bytes)
{
    size_t cost = BLOCK_MIN;
    while (cost < bytes && cost < PAGE_SIZE)
        cost *= 2;
    return cost < PAGE_SIZE ? cost : (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

static void *take_run(size_t pages)
{
    size_t run = 0;
    for (size_t page = lowest; page < kmem_total_pages; page++) {
        if (used[page / 64] == UINT64_MAX) {
            run = 0;
            page |= 63;
            continue;
        }
        run = used[page / 64] >> page % 64 & 1 ? 0 : run + 1;
        if (run < pages)
            continue;
        page -= pages - 1;
        mark(page, pages);
        kmem_free_pages -= pages;
        lowest = page == lowest ? page + pages : lowest;
        return pool + page * PAGE_SIZE;
    }
    return NULL;
}

static void free_run(const char *run, size_t pages)
{
    size_t page = (size_t)(run - pool) / PAGE_SIZE;
    mark(page, pages);
    kmem_free_pages += pages;
    lowest = page < lowest ? page : lowest;
}

static struct free_block **list_of(size_t size)
{
    return &free_small[__builtin_ctzl(size)];
}

static void free_block(size_t size, void *block)
{
    struct free_block *b = block, **list = list_of(size);
    b->next = *list;
    *list = b;
}

static void *take_block(size_t size)
{
    struct free_block **list = list_of(size), *block = *list;
    if (block) {
        *list = block->next;
        return block;
    }
    char *page = take_run(1);
    for (size_t at = size; page && at < PAGE_SIZE; at += size)
        free_block(size, page + at);
    return page;
}

void *kmem_alloc(struct process *payer, size_t bytes)
{
    size_t cost = kmem_cost(bytes);
    if (payer && payer->quota - payer->used < cost)
        return NULL;
    void *block = cost < PAGE_SIZE ? take_block(cost) : take_run(cost / PAGE_SIZE);
    if (!block)
        return NULL;
    if (payer)
        payer->used += cost;
    memset(block, 0, cost);
    return block;
}

void *kmem_need(struct process *payer, size_t bytes)
{
    void *block = kmem_alloc(payer, bytes);
    if (!block)
        panic("too little kernel memory to start (%lu bytes)", bytes);
    return block;
}

void kmem_free(struct process *payer, void *block, size_t bytes)
{
    size_t cost = kmem_cost(bytes);
    if (!block)
        return;
    if (payer) {
        kassert(payer->used >= cost);
        payer->used -= cost;
    }
    if (cost < PAGE_SIZE)
        free_block(cost, block);
    else
        free_run(block, cost / PAGE_SIZE);
}
