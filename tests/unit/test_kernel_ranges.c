// Memory maps: random firmware maps against a model that keeps one flag a page
// SPDX-License-Identifier: MIT
// LINK: kernel/boot/ranges.c

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/boot/ranges.h"
#include "kernel/platform/layout.h"

#define PAGES  512
#define ROUNDS 3000

static void assert_well_formed(const struct range_list *list)
{
    assert_true(list->count <= BOOT_RANGES_MAX);
    for (uint32_t i = 0; i < list->count; i++) {
        assert_true(list->range[i].size > 0);
        assert_int_equal(list->range[i].base % PAGE_SIZE, 0);
        assert_int_equal(list->range[i].size % PAGE_SIZE, 0);
        if (i > 0) // sorted, and a gap before it
            assert_true(list->range[i - 1].base + list->range[i - 1].size < list->range[i].base);
    }
}

static void assert_same(const struct range_list *list, const bool *page)
{
    bool listed[PAGES] = {false};
    for (uint32_t i = 0; i < list->count; i++)
        for (uint64_t p = 0; p < list->range[i].size / PAGE_SIZE; p++)
            listed[list->range[i].base / PAGE_SIZE + p] = true;
    for (uint32_t p = 0; p < PAGES; p++)
        assert_int_equal(listed[p], page[p]);
}

// Whole pages become memory; every page that is touched stops being memory.
static void mark(bool *page, uint64_t base, uint64_t size, bool memory)
{
    for (uint64_t p = 0; p < PAGES; p++) {
        uint64_t low = p * PAGE_SIZE, high = low + PAGE_SIZE;
        if (memory ? base <= low && high <= base + size : size > 0 && base < high && low < base + size)
            page[p] = memory;
    }
}

static void random_maps_match_the_model(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct e820 map[24] = {0};
        bool page[PAGES] = {false};
        uint32_t count = (uint32_t)rand() % 24;
        for (uint32_t i = 0; i < count; i++) {
            map[i].base = (uint64_t)rand() % (PAGES * PAGE_SIZE);
            map[i].size = (uint64_t)rand() % (PAGES * PAGE_SIZE - map[i].base + 1);
            map[i].size = rand() % 2 ? map[i].size : map[i].size % (5 * PAGE_SIZE);
            map[i].type = rand() % 3 ? 1 : 2 + (uint32_t)rand() % 8;
        }
        for (uint32_t i = 0; i < count; i++)
            if (map[i].type == 1)
                mark(page, map[i].base, map[i].size, true);
        for (uint32_t i = 0; i < count; i++)
            if (map[i].type != 1)
                mark(page, map[i].base, map[i].size, false);
        page[0] = false;
        struct range_list list;
        range_from_e820(&list, map, count, sizeof *map);
        assert_well_formed(&list);
        // Two entries that share a page but cover it only together: the model and the list both leave it out,
        // but touching entries that meet on a page boundary must have been joined.
        assert_same(&list, page);
    }
}

static void full_list_gives_up_the_smallest(void **state)
{
    (void)state;
    struct range_list list = {0};
    for (uint64_t i = 0; i < BOOT_RANGES_MAX; i++)
        range_add(&list, (2 + i * 8) * PAGE_SIZE, (i == 7 ? 1 : 2) * PAGE_SIZE);
    range_add(&list, 4000 * PAGE_SIZE, 3 * PAGE_SIZE);
    assert_well_formed(&list);
    assert_int_equal(list.count, BOOT_RANGES_MAX);
    assert_int_equal(range_total(&list), (BOOT_RANGES_MAX - 1) * 2 * PAGE_SIZE + 3 * PAGE_SIZE);
    range_remove(&list, 4001 * PAGE_SIZE, PAGE_SIZE); // a split of a full list: one half must go
    assert_well_formed(&list);
    assert_int_equal(range_total(&list), (BOOT_RANGES_MAX - 1) * 2 * PAGE_SIZE + PAGE_SIZE);
}

static void sizes_that_overflow_end_at_the_limit(void **state)
{
    (void)state;
    struct range_list list = {0};
    range_add(&list, 0xfffffffffffff000, 0x2000);
    assert_int_equal(list.count, 0);
    range_add(&list, 1ul << 51, ~0ul);
    assert_int_equal(list.range[0].base + list.range[0].size, 1ul << 52);
    range_remove(&list, 1ul << 51, ~0ul);
    assert_int_equal(list.count, 0);
    range_add(&list, 1, 2 * PAGE_SIZE - 2); // no whole page in it
    assert_int_equal(list.count, 0);
}

static void find_respects_alignment_and_limit(void **state)
{
    (void)state;
    struct range_list list = {0};
    range_add(&list, 0x1000, 0x9e000);
    range_add(&list, 0x115000, 0x1000000);
    range_add(&list, 0x40000000, 0x40000000);
    assert_int_equal(range_find(&list, 0x1000, 0x1000, 0xa0000), 0x1000);
    assert_int_equal(range_find(&list, 0x800000, 0x200000, 1ul << 32), 0x200000);
    assert_int_equal(range_find(&list, 0x1000000, 0x200000, 1ul << 32), 0x40000000);
    assert_int_equal(range_find(&list, 0x1000000, 0x200000, 0x40800000), 0);
    assert_int_equal(range_find(&list, 0x80000000, 0x1000, 1ul << 52), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_maps_match_the_model),
        cmocka_unit_test(full_list_gives_up_the_smallest),
        cmocka_unit_test(sizes_that_overflow_end_at_the_limit),
        cmocka_unit_test(find_respects_alignment_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
