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

// All of the image at page 600 of the first guest's memory.
enum { AT = 600 };

static enum status share(void)
{
    return pager_image(&world.pager, 0, 0, 0, AT, WORLD_IMAGE_PAGES);
}

static uint64_t image_page(uint64_t page)
{
    return WORLD_ARCHIVE + WORLD_IMAGE + page - AT;
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
    world.ram[0][3] = (struct slot){true, false, true, 7};
    world_start(2);
    assert_int_equal(fault(0, 5, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(fault(1, WORLD_RAM_PAGES - 1, RIGHT_WRITE), PAGER_GIVEN);
    assert_true(world.ram[0][5].filled && world.ram[0][5].content == 0);
    assert_true(world.ram[0][4].filled && world.ram[0][15].filled); // its neighbours
    assert_false(world.ram[0][2].filled || world.ram[0][16].filled);
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
    assert_false(world.ram[0][2 * CHUNK_PAGES + 16].filled);
    assert_int_equal(world.pager.books.free, world_pool_pages());
}

static void test_stock(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(2);
    struct books *b = &world.pager.books;
    for (unsigned i = 0; i < 3; i++) {
        books_fill(b);
        world_idle(CHUNK_PAGES);
    }
    books_fill(b);
    assert_int_equal(world.zeroed, 2 * CHUNK_PAGES); // the stock is full
    assert_int_equal(b->ready_count, 2);
    world.zeroed = 0;
    assert_int_equal(fault(0, 0, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(fault(0, CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.zeroed, 0);
    books_fill(b);
    world_idle(100);
    books_fill(b); // it is not done yet
    assert_int_equal(b->ready_count, 0);
    assert_int_equal(fault(0, 2 * CHUNK_PAGES, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.zeroed, CHUNK_PAGES); // what was begun is finished
    world_idle(CHUNK_PAGES);                     // and nobody zeroes what was given
    assert_int_equal(world.zeroed, CHUNK_PAGES);
}

// What is being zeroed is not lost to single pages when memory runs out.
static void test_stock_of_the_last(void **unused)
{
    (void)unused;
    world_begin(0, CHUNK_PAGES);
    world_start(2);
    books_fill(&world.pager.books);
    world_idle(5);
    for (uint64_t page = 0; page < CHUNK_PAGES; page++) {
        assert_int_equal(fault(0, 3 * CHUNK_PAGES + page % 7, RIGHT_WRITE), PAGER_GIVEN);
        assert_int_equal(fault(1, CHUNK_PAGES + page, RIGHT_WRITE), PAGER_GIVEN);
        assert_int_equal(world.ram[1][CHUNK_PAGES + page].content, 0);
        books_fill(&world.pager.books);
        world_idle(3);
    }
}

static void test_image(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(1);
    assert_int_equal(share(), STATUS_OK);
    for (uint64_t page = AT; page < AT + WORLD_IMAGE_PAGES; page++)
        assert_true(world.ram[0][page].borrowed && world.ram[0][page].content == image_page(page));
    assert_false(world.ram[0][AT - 1].filled || world.ram[0][AT + WORLD_IMAGE_PAGES].filled);
    assert_int_equal(fault(0, 660, RIGHT_READ | RIGHT_WRITE), PAGER_GIVEN);
    for (uint64_t page = AT; page < AT + WORLD_IMAGE_PAGES; page++) {
        assert_int_equal(world.ram[0][page].content, image_page(page));
        assert_int_equal(world.ram[0][page].borrowed, page < 656 || page >= 672); // its neighbours are copied
    }
    assert_int_equal(fault(0, AT + 3, RIGHT_WRITE), PAGER_GIVEN); // as far as the image goes
    assert_false(world.ram[0][AT].borrowed || world.ram[0][AT + 7].borrowed);
    assert_true(world.ram[0][AT + 8].borrowed);
    assert_int_equal(fault(0, AT - 1, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(world.ram[0][AT - 1].content, 0);
    assert_false(world.ram[0][AT - 9].filled); // no 2 MiB page can be there
    assert_int_equal(world.pager.books.free, world_pool_pages());
}

// Again, as after a reset: what was written is the image's once more, and no page is lost.
static void test_image_again(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(1);
    assert_int_equal(share(), STATUS_OK);
    assert_int_equal(fault(0, 660, RIGHT_WRITE), PAGER_GIVEN);
    world.ram[0][660].content = 7;
    world.ram[0][661].filled = false;
    uint64_t free = world.pager.books.free;
    assert_int_equal(share(), STATUS_OK);
    assert_int_equal(pager_image(&world.pager, 0, 0, 10, 690, 4), STATUS_OK); // other pages in its middle
    for (uint64_t page = AT; page < AT + WORLD_IMAGE_PAGES; page++) {
        uint64_t shown = page < 690 || page >= 694 ? page : page - 80;
        assert_int_equal(world.ram[0][page].content, image_page(shown));
        assert_int_equal(world.ram[0][page].borrowed, page < 656 || page >= 672 || page == 661);
    }
    assert_int_equal(world.pager.books.free, free);
}

static void test_image_bad(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(1);
    struct pager *p = &world.pager;
    assert_int_equal(pager_image(p, 1, 0, 0, AT, 1), STATUS_BAD_ARG); // another guest's
    assert_int_equal(pager_image(p, 0, 1, 0, AT, 1), STATUS_BAD_ARG);
    assert_int_equal(pager_image(p, 0, 0, 0, AT, 0), STATUS_BAD_ARG);
    assert_int_equal(pager_image(p, 0, 0, 1, AT, WORLD_IMAGE_PAGES), STATUS_BAD_ARG);
    assert_int_equal(pager_image(p, 0, 0, UINT64_MAX, AT, 2), STATUS_BAD_ARG);
    assert_int_equal(pager_image(p, 0, 0, 0, WORLD_RAM_PAGES - 1, 2), STATUS_BAD_ARG);
    assert_int_equal(pager_image(p, 0, 0, 0, UINT64_MAX, 2), STATUS_BAD_ARG);
    for (uint64_t page = 0; page < WORLD_RAM_PAGES; page++)
        assert_false(world.ram[0][page].filled);
}

// A private page in a slot is never taken for a borrowed one.
static void test_settled_already(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_POOL_PAGES);
    world_start(1);
    world.ram[0][5] = (struct slot){true, false, true, 77};
    world.ram[0][900] = (struct slot){true, false, true, 78};
    assert_int_equal(fault(0, 5, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(fault(0, 5, RIGHT_READ), PAGER_GIVEN);
    assert_int_equal(fault(0, 900, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(world.ram[0][5].content, 77);
    assert_int_equal(world.ram[0][900].content, 78);
    assert_int_equal(world.pager.books.free, world_pool_pages());
    assert_int_equal(fault(0, 901, RIGHT_WRITE), PAGER_GIVEN);
    assert_int_equal(world.ram[0][901].content, 0);
}

// Without memory a page of an image is written on a scratch page that looks like it.
static void test_image_scratch(void **unused)
{
    (void)unused;
    world_begin(0, WORLD_RAMS * PAGER_SCRATCH / WORLD_POOLS);
    world_start(0);
    assert_int_equal(share(), STATUS_OK);
    assert_int_equal(fault(0, 610, RIGHT_WRITE), PAGER_SCRATCHED);
    assert_true(world.ram[0][610].filled && !world.ram[0][610].borrowed);
    assert_int_equal(world.ram[0][610].content, image_page(610));
}

static void test_scratch(void **unused)
{
    (void)unused;
    enum { PAGES = 50 };
    world_begin(0, PAGES);
    world_start(1);
    uint64_t page = 0;
    while (world.ram[0][page].filled || fault(0, page, RIGHT_WRITE) == PAGER_GIVEN)
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
    bool backed = ram == 0 && page >= AT && page < AT + WORLD_IMAGE_PAGES;
    assert_int_equal(world.ram[ram][page].content, backed ? image_page(page) : 0);
}

// Killed in front of any step, fault after fault, until memory is used up: every fault is settled with the
// right page, and no page of the pools is lost to the books.
static void test_killed(void **unused)
{
    (void)unused;
    static uint64_t page;
    static uint32_t ram, rights;
    static bool sharing; // the monitor's message is delivered again until it is answered
    srand(4);
    for (volatile int turn = 0; turn < 60; turn++) {
        world_begin(turn % 2 ? 0 : 77, WORLD_POOL_PAGES - 300);
        world_start(2);
        assert_int_equal(share(), STATUS_OK);
        for (volatile int i = 0; i < 150; i++) {
            ram = (uint32_t)rand() % WORLD_RAMS;
            page = turn % 3 ? (uint64_t)rand() % WORLD_RAM_PAGES : 500 + (uint64_t)rand() % 300;
            rights = rand() % 2 ? RIGHT_READ : RIGHT_READ | RIGHT_WRITE;
            while (!is_settled(ram, page, rights)) {
                sharing = sharing || rand() % 8 == 0;
                world.cut = world.steps + 1 + (uint64_t)rand() % (sharing ? 500 : 24);
                if (setjmp(world.out) || rand() % 3 == 0 || !world.pager.books.chunks)
                    world_start(2);
                books_fill(&world.pager.books);
                world_idle((uint64_t)rand() % 300);
                if (sharing)
                    assert_int_equal(share(), STATUS_OK);
                sharing = false;
                assert_int_equal(fault(ram, page, rights), PAGER_GIVEN);
            }
            world.cut = 0;
            check_content(ram, page);
            world_start(2);
            assert_int_equal(world.pager.books.free, world_pool_pages());
        }
    }
}

static void take_back(uint32_t ram)
{
    for (uint64_t chunk = 0; ram_filled(ram); chunk++)
        assert_true(pager_take_back(&world.pager, ram, chunk % (WORLD_RAM_PAGES / CHUNK_PAGES + 1)));
    pager_emptied(&world.pager, ram);
}

// A memory is filled and taken back, killed in front of any step, again and again: nothing gets lost, and who
// has it next finds zeros.
static void test_taken_back(void **unused)
{
    (void)unused;
    static uint64_t before, page;
    srand(5);
    for (volatile int turn = 0; turn < 40; turn++) {
        world_begin(turn % 2 ? 0 : 77, WORLD_POOL_PAGES - 300);
        before = world_pool_pages();
        world_start(2);
        for (volatile int round = 0; round < 6; round++) {
            if (round % 2)
                assert_int_equal(share(), STATUS_OK);
            for (int i = 0; i < 60; i++) {
                page = (uint64_t)rand() % WORLD_RAM_PAGES;
                assert_int_equal(fault((uint32_t)rand() % WORLD_RAMS, page, RIGHT_READ), PAGER_GIVEN);
            }
            if (setjmp(world.out))
                world_start(2);
            world.cut = round < 4 ? world.steps + 1 + (uint64_t)rand() % 3000 : 0;
            take_back(0);
            world.cut = 0;
            for (uint64_t i = 0; i < WORLD_RAM_PAGES; i++)
                assert_false(world.ram[0][i].filled);
            world_start(2);
            assert_int_equal(world.pager.books.free, world_pool_pages());
        }
        take_back(1);
        assert_int_equal(world_pool_pages(), before);
        assert_int_equal(world.pager.books.free, before);
        assert_int_equal(fault(0, 5, RIGHT_READ), PAGER_GIVEN);
        assert_int_equal(world.ram[0][5].content, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_stock),
        cmocka_unit_test(test_stock_of_the_last),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_image_again),
        cmocka_unit_test(test_image_bad),
        cmocka_unit_test(test_image_scratch),
        cmocka_unit_test(test_settled_already),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_no_quota),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
