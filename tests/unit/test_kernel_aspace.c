// Address spaces: where mappings may lie, and what a fault in one is
// SPDX-License-Identifier: MIT
// LINK: kernel/memory.c kernel/aspace.c kernel/kmem.c kernel/object.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/kernel_pool.h"

enum { RWX = RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE, RX = RIGHT_READ | RIGHT_EXECUTE, LARGE_PAGES = 513 };

static struct process payer;
static struct aspace process, guest;

void aspace_flush(struct aspace *a, uint64_t address, uint64_t pages)
{
    (void)a, (void)address, (void)pages;
}

void memory_wake(struct memory *m, uint64_t page, uint64_t pages)
{
    (void)m, (void)page, (void)pages;
}

static void make_spaces(void)
{
    assert_int_equal(aspace_init(&process, OBJECT_PROCESS, PAGING_X86, &payer), STATUS_OK);
    assert_int_equal(aspace_init(&guest, OBJECT_SPACE, PAGING_EPT, &payer), STATUS_OK);
}

static struct memory *new_object(uint64_t pages, struct ref pager)
{
    struct memory *m;
    assert_int_equal(make_memory(&payer, pages, pager, (struct ref){0}, &m), STATUS_OK);
    return m;
}

static void mappings_do_not_overlap(void **state)
{
    struct memory *small = new_object(3, (struct ref){0}), *large = new_object(LARGE_PAGES, (struct ref){0});
    struct aspace *a = &process;
    (void)state;
    make_spaces();
    assert_int_equal(memory_map(a, PAGE_1G, large, RX), STATUS_OK);
    assert_int_equal(memory_map(a, PAGE_1G + PAGE_2M, small, RX), STATUS_EXISTS);
    assert_int_equal(memory_map(a, PAGE_1G, small, RX), STATUS_EXISTS);
    assert_int_equal(memory_map(a, 2ul * PAGE_1G - PAGE_2M, small, RX), STATUS_EXISTS);
    assert_int_equal(memory_map(a, 2ul * PAGE_1G, small, RX), STATUS_OK);
    assert_int_equal(memory_map(a, 2ul * PAGE_1G, large, RX), STATUS_EXISTS);
    assert_int_equal(memory_unmap(a, PAGE_1G + PAGE_2M), STATUS_NOT_FOUND);
    assert_int_equal(memory_unmap(a, 2ul * PAGE_1G), STATUS_OK);
    assert_int_equal(memory_map(a, 2ul * PAGE_1G, large, RX),
                     STATUS_EXISTS); // a table for small ones is there
    assert_int_equal(memory_unmap(a, PAGE_1G), STATUS_OK);
    assert_int_equal(memory_map(a, PAGE_1G, large, RX), STATUS_OK);
}

static void mappings_are_aligned_and_in_bounds(void **state)
{
    struct memory *small = new_object(3, (struct ref){0}), *large = new_object(LARGE_PAGES, (struct ref){0});
    const uint64_t last = USER_ADDRESS_LIMIT - PAGE_2M;
    (void)state;
    make_spaces();
    assert_int_equal(memory_map(&process, PAGE_1G + PAGE_SIZE, small, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, PAGE_1G + PAGE_2M, large, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, UTCB_WINDOW, small, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, 0, small, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, last, small, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, last - PAGE_2M, small, RX), STATUS_OK);
    assert_int_equal(memory_map(&process, USER_ADDRESS_LIMIT, small, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&process, UINT64_MAX - PAGE_1G + 1, large, RX), STATUS_BAD_ARG);
    assert_int_equal(memory_map(&guest, 0, small, RWX), STATUS_OK);
    assert_int_equal(memory_map(&guest, last, small, RWX), STATUS_OK);
}

// What is missing is the pager's matter while there is one, and a violation afterwards.
static void faults_go_to_the_pager(void **state)
{
    struct object *pager = object_new(OBJECT_ENDPOINT, sizeof *pager, NULL);
    struct memory *m = new_object(3, ref_to(pager));
    uint64_t page;
    (void)state;
    make_spaces();
    assert_int_equal(memory_map(&process, PAGE_1G, m, RIGHT_READ), STATUS_OK);
    const struct mapping *map = aspace_find(&process, PAGE_1G);
    assert_int_equal(memory_fault(map, PAGE_1G + 2 * PAGE_SIZE + 5, RIGHT_READ, &page), FAULT_PAGER);
    assert_int_equal(page, 2);
    assert_int_equal(memory_fault(map, PAGE_1G, RX, &page), FAULT_VIOLATION);
    assert_int_equal(memory_fault(map, PAGE_1G + 3 * PAGE_SIZE, RIGHT_READ, &page), FAULT_VIOLATION);
    assert_int_equal(memory_adopt(m, 0, 0x40000000, 1), STATUS_OK);
    assert_int_equal(memory_fault(map, PAGE_1G, RIGHT_READ, &page), FAULT_RETRY);
    object_retire(pager);
    assert_int_equal(memory_fault(map, PAGE_1G + PAGE_SIZE, RIGHT_READ, &page), FAULT_VIOLATION);
}

static int set_up(void **state)
{
    (void)state;
    pool_init(POOL_PAGES - 1);
    objects_init();
    payer_init(&payer, 1u << 30);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_do_not_overlap),
        cmocka_unit_test(mappings_are_aligned_and_in_bounds),
        cmocka_unit_test(faults_go_to_the_pager),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
