// Kernel memory: blocks do not overlap, come zeroed, and cost what they say
// SPDX-License-Identifier: MIT
// LINK: kernel/kmem.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/kernel_pool.h"

enum { BLOCKS = 600, PAYERS = 3, ROUNDS = 60000, SMALL_POOL = 700 };

struct block {
    unsigned char *at;
    size_t bytes, payer;
    unsigned char fill;
};

static struct process payer[PAYERS];
static struct block blocks[BLOCKS];

static size_t random_size(void)
{
    switch (rand() % 4) {
    case 0: return 1 + (size_t)rand() % 200;
    case 1: return 1 + (size_t)rand() % PAGE_SIZE;
    case 2: return PAGE_SIZE;
    default: return 1 + (size_t)rand() % (24 * PAGE_SIZE);
    }
}

// Rounded up to a power of two from 64 bytes to half a page, above that to pages.
static size_t model_cost(size_t bytes)
{
    size_t cost = 64;
    if (bytes > PAGE_SIZE / 2)
        return (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    while (cost < bytes)
        cost *= 2;
    return cost;
}

static void assert_filled(const unsigned char *at, size_t bytes, unsigned char fill)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(at[i], fill);
}

static void take(struct block *b)
{
    size_t bytes = random_size(), cost = model_cost(bytes), p = (size_t)rand() % PAYERS;
    uint64_t used = payer[p].used, pages = kmem_free_pages;
    unsigned char *at = kmem_alloc(&payer[p], bytes);
    assert_int_equal(kmem_cost(bytes), cost);
    if (!at) { // the quota, or no run of so many pages
        assert_true(payer[p].quota - used < cost || cost > PAGE_SIZE || pages == 0);
        assert_int_equal(payer[p].used, used);
        assert_int_equal(kmem_free_pages, pages);
        return;
    }
    assert_true(payer[p].quota - used >= cost);
    assert_int_equal(payer[p].used, used + cost);
    assert_int_equal((uintptr_t)at % (cost < PAGE_SIZE ? cost : PAGE_SIZE), 0);
    assert_true(at > host_pool && at + cost <= host_pool + (SMALL_POOL + 1) * (size_t)PAGE_SIZE);
    assert_filled(at, cost, 0);
    *b = (struct block){at, bytes, p, (unsigned char)(1 + rand() % 255)};
    memset(at, b->fill, cost);
}

static void give_back(struct block *b)
{
    struct process *p = &payer[b->payer];
    uint64_t used = p->used;
    assert_filled(b->at, model_cost(b->bytes), b->fill);
    kmem_free(p, b->at, b->bytes);
    assert_int_equal(p->used, used - model_cost(b->bytes));
    b->at = NULL;
}

static void blocks_are_apart_and_paid_for(void **state)
{
    (void)state;
    pool_init(SMALL_POOL);
    srand(1);
    for (size_t p = 0; p < PAYERS; p++)
        payer_init(&payer[p], (p + 1) * 100 * (size_t)PAGE_SIZE + 4000);
    for (int round = 0; round < ROUNDS; round++) {
        struct block *b = &blocks[rand() % BLOCKS];
        if (b->at)
            give_back(b);
        else
            take(b);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        if (blocks[i].at)
            give_back(&blocks[i]);
    for (size_t p = 0; p < PAYERS; p++)
        assert_int_equal(payer[p].used, 0);
}

// What was freed serves any length: whoever cycles through sizes does not use the pool up.
static void freed_pages_serve_any_length(void **state)
{
    static void *run[256];
    struct process p;
    (void)state;
    pool_init(300);
    payer_init(&p, 240 * PAGE_SIZE);
    for (size_t pages = 1; pages <= 24; pages++) {
        size_t n = 240 / pages;
        for (size_t i = 0; i < n; i++)
            assert_non_null(run[i] = kmem_alloc(&p, pages * PAGE_SIZE));
        assert_int_equal(p.used, n * pages * PAGE_SIZE);
        for (size_t i = 0; i < n; i++)
            kmem_free(&p, run[i], pages * PAGE_SIZE);
    }
    assert_int_equal(p.used, 0);
    assert_int_equal(kmem_free_pages, kmem_total_pages - 1); // the bitmap
}

// Who takes all gets each page once; the kernel itself is not held to a quota.
static void every_page_can_be_had(void **state)
{
    static void *page[300];
    size_t n = 0;
    (void)state;
    pool_init(300);
    uint64_t all = kmem_free_pages;
    while (n < 300 && (page[n] = kmem_alloc(NULL, PAGE_SIZE)) != NULL)
        memset(page[n++], 0xa5, PAGE_SIZE);
    assert_int_equal(n, all);
    assert_int_equal(kmem_free_pages, 0);
    assert_null(kmem_alloc(NULL, 2 * PAGE_SIZE));
    kmem_free(NULL, page[7], PAGE_SIZE);
    kmem_free(NULL, page[9], PAGE_SIZE);
    assert_null(kmem_alloc(NULL, 2 * PAGE_SIZE)); // not together
    kmem_free(NULL, page[8], PAGE_SIZE);
    assert_ptr_equal(kmem_alloc(NULL, 3 * PAGE_SIZE), page[7]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart_and_paid_for),
        cmocka_unit_test(freed_pages_serve_any_length),
        cmocka_unit_test(every_page_can_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
