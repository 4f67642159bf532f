// Kernel memory: buddy-free, two-level: page runs from a bitmap-less free list, blocks from pages by size
// class. SPDX-License-Identifier: MIT
//
// Single pages and power-of-two blocks below a page cover nearly everything; they come from one free list a
// size and never merge, so allocation and release are a few instructions and bounded. Runs of several pages
// (XSAVE areas of vCPUs, big capability tables) are cut from the untouched end of the pool and kept in lists
// by their length afterwards.
#include "kernel/kmem.h"

#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"
#include "kernel/process.h"

enum { BLOCK_SHIFT_MIN = 6, RUN_PAGES_MAX = 32 };

struct free_block {
    struct free_block *next;
};

static struct free_block *free_small[PAGE_SHIFT]; // by shift
static struct free_block *free_runs[RUN_PAGES_MAX + 1];
static char *fresh, *fresh_end; // never used yet
static uint64_t total_pages, free_pages;

void kmem_init(struct range pool)
{
    fresh = pool_pointer(pool.base);
    fresh_end = fresh + pool.size;
    total_pages = free_pages = pool.size / PAGE_SIZE;
}

static unsigned shift_of(size_t bytes)
{
    unsigned shift = BLOCK_SHIFT_MIN;
    while (((size_t)1 << shift) < bytes)
        shift++;
    return shift;
}

static size_t pages_of(size_t bytes)
{
    return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

size_t kmem_cost(size_t bytes)
{
    return bytes > PAGE_SIZE / 2 ? pages_of(bytes) * PAGE_SIZE : (size_t)1 << shift_of(bytes);
}

uint64_t kmem_free_pages(void)
{
    return free_pages;
}

uint64_t kmem_total_pages(void)
{
    return total_pages;
}

static void *pop(struct free_block **list)
{
    struct free_block *b = *list;
    if (b)
        *list = b->next;
    return b;
}

static void push(struct free_block **list, void *block)
{
    struct free_block *b = block;
    b->next = *list;
    *list = b;
}

static void *take_run(size_t pages)
{
    if (pages > RUN_PAGES_MAX)
        return NULL;
    void *run = pop(&free_runs[pages]);
    if (!run) {
        if ((size_t)(fresh_end - fresh) < pages * PAGE_SIZE)
            return NULL;
        run = fresh;
        fresh += pages * PAGE_SIZE;
    }
    free_pages -= pages;
    return run;
}

static void *take_small(unsigned shift)
{
    void *block = pop(&free_small[shift]);
    if (block)
        return block;
    char *page = take_run(1);
    if (!page)
        return NULL;
    for (size_t at = (size_t)1 << shift; at < PAGE_SIZE; at += (size_t)1 << shift)
        push(&free_small[shift], page + at);
    return page;
}

void *kmem_alloc(struct process *payer, size_t bytes)
{
    size_t cost = kmem_cost(bytes);
    if (payer && payer->quota - payer->used < cost)
        return NULL;
    void *block = cost < PAGE_SIZE ? take_small(shift_of(bytes)) : take_run(cost / PAGE_SIZE);
    if (!block)
        return NULL;
    if (payer)
        payer->used += cost;
    memset(block, 0, cost);
    return block;
}

void kmem_free(struct process *payer, void *block, size_t bytes)
{
    size_t cost = kmem_cost(bytes);
    if (payer) {
        kassert(payer->used >= cost);
        payer->used -= cost;
    }
    if (cost < PAGE_SIZE) {
        push(&free_small[shift_of(bytes)], block);
    } else {
        push(&free_runs[cost / PAGE_SIZE], block);
        free_pages += cost / PAGE_SIZE;
    }
}
