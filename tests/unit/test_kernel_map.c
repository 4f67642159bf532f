// Memory maps: random firmware maps against a model that keeps flags a page
// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/boot/map.c"

#define PAGES  512
#define ROUNDS 3000

static jmp_buf on_panic;

void panic(const char *format, ...)
{
    (void)format;
    longjmp(on_panic, 1);
}

// The ranges are in order, page aligned, with a gap between each two, and hold just these pages.
static void assert_free(const bool *page)
{
    bool listed[PAGES] = {false};
    uint64_t behind = 0;
    for (struct range r = map_next(0); r.size; r = map_next(behind)) {
        assert_int_equal(r.base % PAGE_SIZE, 0);
        assert_int_equal(r.size % PAGE_SIZE, 0);
        assert_true(r.base > behind || behind == 0);
        behind = r.base + r.size;
        for (uint64_t p = r.base / PAGE_SIZE; p < behind / PAGE_SIZE; p++)
            listed[p] = true;
    }
    for (uint32_t p = 0; p < PAGES; p++)
        assert_int_equal(listed[p], page[p]);
}

// Whole pages become memory; every page that is touched stops being free.
static void mark(bool *page, const struct e820 *e)
{
    for (uint64_t p = 0; p < PAGES; p++) {
        uint64_t low = p * PAGE_SIZE, high = low + PAGE_SIZE, end = e->base + e->size;
        if (e->type == 1 ? e->base <= low && high <= end : e->size > 0 && e->base < high && low < end)
            page[p] = true;
    }
}

static void random_maps_match_the_model(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct e820 entries[24] = {0};
        bool memory[PAGES] = {false}, taken[PAGES] = {false};
        uint32_t n = (uint32_t)rand() % 24;
        for (uint32_t i = 0; i < n; i++) {
            entries[i].base = (uint64_t)rand() % (PAGES * PAGE_SIZE);
            entries[i].size = (uint64_t)rand() % (PAGES * PAGE_SIZE - entries[i].base + 1);
            entries[i].size = rand() % 2 ? entries[i].size : entries[i].size % (5 * PAGE_SIZE);
            entries[i].type = rand() % 3 ? 1 : 2 + (uint32_t)rand() % 8;
            mark(entries[i].type == 1 ? memory : taken, &entries[i]);
        }
        for (uint32_t p = 0; p < PAGES; p++)
            memory[p] = memory[p] && !taken[p];
        count = 0;
        map_add_e820(entries, n * (uint32_t)sizeof *entries, sizeof *entries);
        assert_free(memory);
    }
}

static void entries_of_any_stride_are_read(void **state)
{
    (void)state;
    const struct e820 e = {0x1000, 0x1000, 1, 0};
    uint8_t entries[3 * 29] = {0};
    for (int i = 0; i < 3; i++)
        memcpy(entries + i * 29, &e, sizeof e);
    count = 0;
    map_add_e820(entries, sizeof entries, 29);
    assert_int_equal(count, 3);
    count = 0;
    map_add_e820(entries, sizeof entries, 0);
    map_add_e820(entries, sizeof entries, sizeof e - 1);
    map_add_e820(entries, sizeof e - 1, sizeof e);
    assert_int_equal(count, 0);
}

static void a_full_map_is_said(void **state)
{
    (void)state;
    count = 0;
    for (uint32_t i = 0; i < MAP_MAX; i++)
        map_add(i * 2 * PAGE_SIZE, PAGE_SIZE, true);
    assert_int_equal(map_total(), MAP_MAX * PAGE_SIZE);
    if (!setjmp(on_panic)) {
        map_add(0, 1, false);
        fail();
    }
}

static void sizes_that_overflow_end_at_the_limit(void **state)
{
    (void)state;
    count = 0;
    map_add(0xfffffffffffff000, 0x2000, true);
    map_add(1, 2 * PAGE_SIZE - 2, true); // no whole page in it
    assert_int_equal(map_total(), 0);
    map_add(1ul << 51, ~0ul, true);
    assert_int_equal(map_next(0).base + map_next(0).size, 1ul << 52);
    map_add(1ul << 51, ~0ul, false);
    assert_int_equal(map_total(), 0);
}

static void what_is_taken_is_aligned_and_gone(void **state)
{
    (void)state;
    count = 0;
    map_add(0x1000, 0x9e000, true);
    map_add(0x115000, 0x1000000, true);
    map_add(0x40000000, 0x40000000, true);
    assert_int_equal(map_take(0x1000, 0x1000, 0xa0000), 0x1000);
    assert_int_equal(map_take(0x1000, 0x1000, 0xa0000), 0x2000);
    assert_int_equal(map_take(0x800000, 0x200000, 1ul << 32), 0x200000);
    assert_int_equal(map_take(0x1000000, 0x200000, 1ul << 32), 0x40000000);
    assert_int_equal(map_take(0x1000000, 0x200000, 0x41800000), 0);
    assert_int_equal(map_take(0x80000000, 0x1000, 1ul << 52), 0);
    assert_int_equal(map_total(), 0x9c000 + 0x800000 + 0x3f000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_maps_match_the_model),
        cmocka_unit_test(entries_of_any_stride_are_read),
        cmocka_unit_test(a_full_map_is_said),
        cmocka_unit_test(sizes_that_overflow_end_at_the_limit),
        cmocka_unit_test(what_is_taken_is_aligned_and_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
