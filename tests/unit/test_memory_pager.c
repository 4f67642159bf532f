// The pager: large and small pages, zeros, images, scratch pages, death at any step
// SPDX-License-Identifier: MIT
// LINK: servers/memory/pager.c servers/memory/books.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libipc/abi/caps.h"
#include "tests/unit/memory_world.h"

static enum pager_outcome fault(uint32_t ram, uint64_t page, uint32_t rights)
{
    return pager_fault(&world.pager, ram, page, rights);
}

static void add_backing(struct backing b)
{
    world.pager.backing[world.pager.backings++] = b;
}

static void test_large(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(2);
    assert_int_equal(fault(0, 700, RIGHT_READ), PAGER_GIVEN);
    for (uint64_t i = 0; i < CHUNK_PAGES; i++)
        assert_true(world.ram[0][CHUNK_PAGES + i].filled && world.ram[0][CHUNK_PAGES + i].content == 0);
    assert_false(world.ram[0][CHUNK_PAGES - 1].filled);
    assert_int_equal(world.pager.books.free, world_pool_pages());
}

// Where something is already, or the object ends, pages are small.
static void test_small(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world.ram[0][3] = (struct slot){true, false, 7};
    world_start(2);
    assert_int_equal(fault(0, 5, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(fault(1, WORLD_RAM_PAGES - 1, RIGHT_WRITE), PAGER_GIVEN);
    assert_true(world.ram[0][5].filled && world.ram[0][5].content == 0);
    assert_false(world.ram[0][4].filled);
    assert_int_equal(world.ram[0][3].content, 7);
    assert_true(world.ram[1][WORLD_RAM_PAGES - 1].filled);
    assert_int_equal(world.pager.books.free, world_pool_pages());
    uint64_t zeroed = world.zeroed;
    assert_int_equal(fault(0, 6, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(world.zeroed, zeroed); // the chunk that small pages come from is zero as a whole
}

// Single pages come from the ragged edges of the pools first.
static void test_edges(void **unused)
{
    (void)unused;
    world_begin(100, 2 * CHUNK_PAGES);
    world_start(0);
    assert_int_equal(fault(0, WORLD_RAM_PAGES - 1, RIGHT_READ), PAGER_GIVEN);
    assert_false(world.pool[0][100].filled);
    assert_int_equal(fault(0, 0, RIGHT_READ), PAGER_GIVEN);
    assert_false(world.pool[0][CHUNK_PAGES].filled);
    assert_int_equal(fault(0, CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN);
    assert_false(world.pool[1][CHUNK_PAGES].filled);
    assert_int_equal(fault(0, 2 * CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN); // no whole chunk is left
    assert_false(world.ram[0][2 * CHUNK_PAGES + 1].filled);
    assert_int_equal(world.pager.books.free, world_pool_pages());
}

static void test_stock(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(2);
    unsigned slices = 0;
    while (books_fill(&world.pager.books))
        slices++;
    assert_int_equal(books_zeroed(&world.pager.books), 2 * CHUNK_PAGES);
    assert_int_equal(slices, 2 * CHUNK_PAGES / 16);
    world.zeroed = 0;
    assert_int_equal(fault(0, 0, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(fault(0, CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.zeroed, 0);
    assert_true(books_fill(&world.pager.books));
    assert_int_equal(fault(0, 2 * CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.zeroed, CHUNK_PAGES); // what was begun is finished
}

static void test_image(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    add_backing((struct backing){.ram = 0, .first = 600, .archive = 40, .pages = 100});
    world_start(1);
    assert_int_equal(fault(0, 650, RIGHT_READ), PAGER_GIVEN);
    for (uint64_t page = 640; page < 700; page++)
        assert_true(world.ram[0][page].borrowed && world.ram[0][page].content == WORLD_ARCHIVE + page - 560);
    assert_false(world.ram[0][639].filled || world.ram[0][700].filled);
    assert_int_equal(fault(0, 660, RIGHT_READ | RIGHT_WRITE), PAGER_GIVEN);
    assert_false(world.ram[0][660].borrowed);
    assert_int_equal(world.ram[0][660].content, WORLD_ARCHIVE + 100);
    assert_int_equal(fault(0, 600, RIGHT_WRITE), PAGER_GIVEN); // written before it was read
    assert_int_equal(world.ram[0][600].content, WORLD_ARCHIVE + 40);
    assert_int_equal(fault(0, 601, RIGHT_READ), PAGER_GIVEN); // its neighbour is there
    assert_true(world.ram[0][601].borrowed && !world.ram[0][602].filled);
    assert_int_equal(fault(0, 599, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.ram[0][599].content, 0);
    assert_false(world.ram[0][598].filled);
    assert_int_equal(world.pager.books.free, world_pool_pages());
}

// A private page in a slot is never taken for a borrowed one.
static void test_settled_already(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    add_backing((struct backing){.ram = 0, .first = 0, .archive = 0, .pages = 10});
    world_start(1);
    world.ram[0][5] = (struct slot){true, false, 77};
    world.ram[0][900] = (struct slot){true, false, 78};
    assert_int_equal(fault(0, 5, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(fault(0, 5, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(fault(0, 900, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(world.ram[0][5].content, 77);
    assert_int_equal(world.ram[0][900].content, 78);
    assert_int_equal(world.pager.books.free, world_pool_pages());
    assert_int_equal(fault(0, 901, RIGHT_WRITE),
                     PAGER_GIVEN); // the copy that was not needed is not handed out
    assert_int_equal(world.ram[0][901].content, 0);
}

static void test_scratch(void **unused)
{
    (void)unused;
    enum { PAGES = 50 };
    world_begin(0, PAGES);
    world_start(1);
    uint64_t page = 0;
    while (fault(0, page, RIGHT_WRITE) == PAGER_GIVEN)
        world.ram[0][page++].content = 5;
    assert_int_equal(page, 2 * PAGES - WORLD_RAMS * PAGER_SCRATCH);
    for (uint64_t i = 1; i < 3 * PAGER_SCRATCH; i++) {
        assert_int_equal(fault(0, page + i, RIGHT_WRITE), PAGER_SCRATCHED);
        assert_true(world.ram[0][page + i].filled && world.ram[0][page + i].content == 0);
        world.ram[0][page + i].content = 6;
    }
    for (uint64_t i = 2 * PAGER_SCRATCH; i < 3 * PAGER_SCRATCH; i++)
        assert_true(world.ram[0][page + i].filled); // enough for one instruction
    assert_false(world.ram[0][page + 1].filled);
    for (uint64_t i = 0; i < page; i++)
        assert_int_equal(world.ram[0][i].content, 5);
    assert_int_equal(world.pager.books.free, PAGER_SCRATCH); // the other VM's
    assert_int_equal(fault(1, 9, RIGHT_WRITE), PAGER_SCRATCHED);
    assert_int_equal(world.scratch[0].faults, 3 * PAGER_SCRATCH);
}

static void test_no_quota(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world.ram[0][0].filled = true;
    world_start(0);
    world.no_quota = true;
    assert_int_equal(fault(0, 5, RIGHT_READ), PAGER_REFUSED);
    world.no_quota = false;
    assert_int_equal(fault(0, 5, RIGHT_READ), PAGER_GIVEN);
}

static bool is_settled(uint32_t ram, uint64_t page, uint32_t rights)
{
    const struct slot *s = &world.ram[ram][page];
    return s->filled && !(s->borrowed && rights & RIGHT_WRITE);
}

static void check_content(uint32_t ram, uint64_t page)
{
    bool backed = ram == 0 && page >= 600 && page < 700;
    assert_int_equal(world.ram[ram][page].content, backed ? WORLD_ARCHIVE + page - 560 : 0);
}

// Killed in front of any step, fault after fault, until memory is used up: every fault is settled with the
// right page, and no page of the pools is lost to the books.
static void test_killed(void **unused)
{
    (void)unused;
    static uint64_t page;
    static uint32_t ram, rights;
    srand(4);
    for (volatile int turn = 0; turn < 60; turn++) {
        world_begin(turn % 2 ? 0 : 77, WORLD_POOL_PAGES - 300);
        add_backing((struct backing){.ram = 0, .first = 600, .archive = 40, .pages = 100});
        for (volatile int i = 0; i < 150; i++) {
            ram = (uint32_t)rand() % WORLD_RAMS;
            page = turn % 3 ? (uint64_t)rand() % WORLD_RAM_PAGES : 500 + (uint64_t)rand() % 300;
            rights = rand() % 2 ? RIGHT_READ : RIGHT_READ | RIGHT_WRITE;
            while (!is_settled(ram, page, rights)) {
                world.cut = world.steps + 1 + (uint64_t)rand() % 24;
                if (setjmp(world.out) || rand() % 3 == 0 || !world.pager.books.chunks)
                    world_start(2);
                if (rand() % 2)
                    books_fill(&world.pager.books);
                assert_int_equal(fault(ram, page, rights), PAGER_GIVEN);
            }
            world.cut = 0;
            check_content(ram, page);
            world_start(2);
            assert_int_equal(world.pager.books.free, world_pool_pages());
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),   cmocka_unit_test(test_small),
        cmocka_unit_test(test_edges),   cmocka_unit_test(test_stock),
        cmocka_unit_test(test_image),   cmocka_unit_test(test_settled_already),
        cmocka_unit_test(test_scratch), cmocka_unit_test(test_no_quota),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
