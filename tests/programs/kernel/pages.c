// Supply, withdraw, protect; borrowed pages; 2 MiB pages.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tests/programs/kernel/prober.h"
#include "tests/programs/kernel/topics.h"

#define R         RIGHT_READ
#define RW        (RIGHT_READ | RIGHT_WRITE)
#define RX        (RIGHT_READ | RIGHT_EXECUTE)
#define RWX       (RW | RIGHT_EXECUTE)
#define PAGE      UINT64_C(4096)
#define SOMEWHERE (UINT64_C(100) << 30)

enum { LARGE = 512 };

static struct info_memory info(uint32_t memory)
{
    struct info_memory i = {0};
    if (sys_info(memory, INFO_OBJECT) == STATUS_OK)
        memcpy(&i, utcb()->words, sizeof i);
    return i;
}

static enum status move(uint32_t to, uint64_t page, uint32_t from, uint64_t from_page, uint64_t pages)
{
    return sys_supply(to, page, from, from_page, pages, SUPPLY_MOVE);
}

static void wrong_supplies(void)
{
    uint32_t m = make_memory(600), from = make_memory(600), weak = make_copy(m, RWX, 0);
    fill(from, 0, 4);
    EXPECT(move(EMPTY_SLOT, 0, from, 0, 1), STATUS_BAD_CAP, "supply: to nothing");
    EXPECT(move(m, 0, EMPTY_SLOT, 0, 1), STATUS_BAD_CAP, "supply: from nothing");
    EXPECT(move(SELF, 0, from, 0, 1), STATUS_BAD_CAP, "supply: to something that is no memory");
    EXPECT(move(weak, 0, from, 0, 1), STATUS_NO_RIGHT, "supply: without CONTROL");
    EXPECT(move(m, 0, weak, 0, 1), STATUS_NO_RIGHT, "supply: from memory without CONTROL on it");
    EXPECT(move(m, 0, m, 0, 1), STATUS_BAD_ARG, "supply: from itself");
    EXPECT(move(m, 0, from, 0, 0), STATUS_BAD_ARG, "supply: no page");
    EXPECT(move(m, 600, from, 0, 1), STATUS_BAD_ARG, "supply: behind the end");
    EXPECT(move(m, 599, from, 0, 2), STATUS_BAD_ARG, "supply: over the end");
    EXPECT(move(m, 0, from, 599, 2), STATUS_BAD_ARG, "supply: over the source's end");
    EXPECT(move(m, 0, from, 0, UINT64_MAX), STATUS_BAD_ARG, "supply: a huge number of pages");
    EXPECT(move(m, 0, from, 0, 513), STATUS_BAD_ARG, "supply: more than 512 pages at a time");
    EXPECT(move(m, UINT64_MAX, from, 0, 2), STATUS_BAD_ARG, "supply: a page number that wraps");
    EXPECT(sys_supply(m, 0, from, 0, 1, (enum supply_flag)3), STATUS_BAD_ARG, "supply: an unknown way");
    EXPECT(sys_supply(m, 0, from, 0, 1, SUPPLY_BORROW), STATUS_BAD_ARG,
           "supply: borrowed from what is not the base");
    EXPECT(move(m, 0, from, 3, 2), STATUS_NOT_FOUND, "supply: the second of two pages is missing");
    CHECK(info(m).filled == 0 && info(from).filled == 4, "supply: a failed one moves nothing");
    EXPECT(move(m, 7, from, 0, 1), STATUS_OK, "supply: one page");
    EXPECT(move(m, 6, from, 1, 2), STATUS_EXISTS, "supply: over a page that is there");
    CHECK(info(m).filled == 1 && info(from).filled == 3, "supply: again nothing moved");
    EXPECT(move(from, 0, m, 7, 1), STATUS_OK, "supply: and back");
}

static void moving(void)
{
    uint32_t a = make_memory(1024), b = make_memory(8);
    fill(a, 510, 4);
    char *in_a = look(a, RW), *in_b = look(b, R);
    for (unsigned i = 0; i < 4; i++)
        memset(in_a + (510 + i) * PAGE, 'a' + (int)i, PAGE);
    EXPECT(move(b, 2, a, 510, 4), STATUS_OK, "supply: four pages across a table's end");
    unsigned wrong = 0;
    for (unsigned i = 0; i < 4 * PAGE; i++)
        wrong += in_b[2 * PAGE + i] != (char)('a' + (int)(i / PAGE));
    CHECK(wrong == 0, "supply: the pages keep order and content");
    CHECK(info(a).filled == 0 && info(b).filled == 4, "info: they left the source");
    EXPECT(sys_withdraw(b, 0, a, 508, 8, SUPPLY_MOVE), STATUS_OK, "withdraw: empty slots among full ones");
    CHECK(in_a[510 * PAGE] == 'a' && in_a[513 * PAGE] == 'd', "withdraw: the pages are back");
}

static void wrong_withdrawals(void)
{
    uint32_t m = make_memory(600), to = make_memory(600), weak = make_copy(m, RWX, 0);
    fill(m, 0, 2);
    EXPECT(sys_withdraw(EMPTY_SLOT, 0, to, 0, 1, SUPPLY_MOVE), STATUS_BAD_CAP, "withdraw: from nothing");
    EXPECT(sys_withdraw(weak, 0, to, 0, 1, SUPPLY_MOVE), STATUS_NO_RIGHT, "withdraw: without CONTROL");
    EXPECT(sys_withdraw(m, 0, EMPTY_SLOT, 0, 1, SUPPLY_MOVE), STATUS_BAD_CAP, "withdraw: to nothing");
    EXPECT(sys_withdraw(m, 0, m, 0, 1, SUPPLY_MOVE), STATUS_BAD_ARG, "withdraw: to itself");
    EXPECT(sys_withdraw(m, 599, to, 0, 2, SUPPLY_MOVE), STATUS_BAD_ARG, "withdraw: over the end");
    EXPECT(sys_withdraw(m, 0, to, 0, 513, SUPPLY_MOVE), STATUS_BAD_ARG,
           "withdraw: more than 512 pages at a time");
    EXPECT(sys_withdraw(m, 0, to, 0, 1, SUPPLY_BORROW), STATUS_BAD_ARG, "withdraw: an unknown way");
    EXPECT(sys_withdraw(m, 100, to, 0, 1, SUPPLY_MOVE), STATUS_OK,
           "withdraw: nothing is there, nothing happens");
    EXPECT(move(to, 1, m, 1, 1), STATUS_OK, "withdraw: its target is taken");
    EXPECT(sys_withdraw(m, 0, to, 1, 1, SUPPLY_MOVE), STATUS_EXISTS, "withdraw: onto a page that is there");
    EXPECT(move(m, 1, to, 1, 1), STATUS_OK, "withdraw: tidied up");
}

static void protection(void)
{
    struct prober p;
    uint32_t m = make_memory(8), weak = make_copy(m, RWX, 0);
    prober_make(&p);
    fill(m, 0, 4);
    prober_map(&p, SOMEWHERE, m, RW);
    EXPECT(sys_protect(EMPTY_SLOT, 0, 1, R), STATUS_BAD_CAP, "protect: nothing");
    EXPECT(sys_protect(weak, 0, 1, R), STATUS_NO_RIGHT, "protect: without CONTROL");
    EXPECT(sys_protect(m, 0, 0, R), STATUS_BAD_ARG, "protect: no page");
    EXPECT(sys_protect(m, 7, 2, R), STATUS_BAD_ARG, "protect: over the end");
    EXPECT(sys_protect(m, 0, 1, RIGHT_WRITE), STATUS_BAD_ARG, "protect: without READ");
    EXPECT(sys_protect(m, 0, 1, R | RIGHT_SEND), STATUS_BAD_ARG, "protect: a right that pages do not have");
    EXPECT(sys_protect(m, 3, 2, R), STATUS_NOT_FOUND, "protect: an empty slot");
    CHECK(probe(&p, SOMEWHERE + 3 * PAGE, RIGHT_WRITE), "protect: a failed one protects nothing");
    EXPECT(sys_protect(m, 1, 1, R), STATUS_OK, "protect: one page read-only");
    CHECK(probe(&p, SOMEWHERE, RIGHT_WRITE) && probe(&p, SOMEWHERE + 2 * PAGE, RIGHT_WRITE),
          "protect: its neighbours can be written");
    CHECK(probe(&p, SOMEWHERE + PAGE, R) && !probe(&p, SOMEWHERE + PAGE, RIGHT_WRITE),
          "protect: it only read");
    EXPECT(sys_protect(m, 1, 1, RWX), STATUS_OK, "protect: all rights again");
    CHECK(probe(&p, SOMEWHERE + PAGE, RIGHT_WRITE), "protect: it can be written");
    CHECK(!probe(&p, SOMEWHERE + PAGE, RIGHT_EXECUTE), "protect: a page has no more rights than its mapping");
}

static void borrowing(void)
{
    struct prober p;
    uint32_t base = make_memory(8), copy = make(OBJECT_MEMORY, 8, SLOT_NONE, base, 0);
    uint32_t other = make_memory(8);
    prober_make(&p);
    fill(base, 0, 3);
    fill(other, 0, 1);
    volatile char *in_base = look(base, RW);
    in_base[0] = 'b';
    prober_map(&p, SOMEWHERE, copy, RW);
    EXPECT(sys_supply(copy, 0, base, 3, 1, SUPPLY_BORROW), STATUS_NOT_FOUND, "borrow: an empty page");
    EXPECT(sys_supply(copy, 0, base, 0, 2, SUPPLY_BORROW), STATUS_OK, "borrow: two pages");
    CHECK(info(copy).borrowed == 2 && info(copy).filled == 2 && info(base).filled == 3,
          "info: they are in both");
    CHECK(probe(&p, SOMEWHERE, R) && !probe(&p, SOMEWHERE, RIGHT_WRITE), "borrowed pages are read-only");
    EXPECT(sys_protect(copy, 0, 1, RW), STATUS_NO_RIGHT, "borrow: they cannot be made writable");
    EXPECT(sys_protect(copy, 0, 1, R), STATUS_OK, "borrow: but protected further");
    EXPECT(move(other, 1, base, 2, 1), STATUS_BUSY, "borrow: a base that lent keeps all its pages");
    EXPECT(sys_withdraw(base, 0, other, 1, 1, SUPPLY_MOVE), STATUS_BUSY,
           "borrow: they cannot be withdrawn from it");
    EXPECT(move(other, 1, copy, 0, 1), STATUS_NOT_FOUND, "borrow: a borrowed page cannot be moved on");
    uint32_t second = make(OBJECT_MEMORY, 8, SLOT_NONE, copy, 0);
    EXPECT(sys_supply(second, 0, copy, 0, 1, SUPPLY_BORROW), STATUS_NOT_FOUND, "borrow: nor lent on");
    EXPECT(sys_withdraw(copy, 0, other, 5, 1, SUPPLY_MOVE), STATUS_OK, "borrow: withdrawing gives it back");
    CHECK(info(other).filled == 1 && info(copy).borrowed == 1, "info: it went nowhere");
    EXPECT(move(copy, 0, other, 0, 1), STATUS_OK, "borrow: a page of its own instead, as copy-on-write does");
    CHECK(probe(&p, SOMEWHERE, RIGHT_WRITE) && in_base[0] == 'b',
          "borrow: it can be written, the base is unchanged");
    EXPECT(move(other, 0, copy, 0, 1), STATUS_OK, "borrow: tidied up");
    EXPECT(sys_destroy(base), STATUS_BUSY, "borrow: a base that lent lives on");
    EXPECT(sys_destroy(copy), STATUS_OK, "borrow: memory of borrowed pages only can be destroyed");
    EXPECT(move(other, 1, base, 2, 1), STATUS_OK, "borrow: then the base has its pages for itself");
    EXPECT(move(base, 2, other, 1, 1), STATUS_OK, "borrow: tidied up");
}

// Takes 2 MiB out of the stock and gives them back.
static void large(void)
{
    struct prober p;
    uint32_t m = make_memory(2 * LARGE), small = make_memory(LARGE);
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    EXPECT(sys_supply(m, 1, stock(), 512, 512, SUPPLY_LARGE), STATUS_BAD_ARG, "large: not aligned");
    EXPECT(sys_supply(m, 0, stock(), 513, 512, SUPPLY_LARGE), STATUS_BAD_ARG, "large: source not aligned");
    EXPECT(sys_supply(m, 0, stock(), 512, 511, SUPPLY_LARGE), STATUS_BAD_ARG,
           "large: not a multiple of 512 pages");
    EXPECT(sys_supply(small, 0, stock(), 512, 512, SUPPLY_LARGE), STATUS_BAD_ARG,
           "large: into a small object");
    EXPECT(sys_supply(m, 0, stock(), 1024, 512, SUPPLY_LARGE), STATUS_OK,
           "large: joined from 512 pages of the stock");
    CHECK(info(m).large == LARGE && info(m).filled == LARGE, "info: a 2 MiB page");
    CHECK(probe(&p, SOMEWHERE, RIGHT_WRITE) && probe(&p, SOMEWHERE + 511 * PAGE, RIGHT_WRITE),
          "large: it is there");
    EXPECT(sys_supply(m, 0, stock(), 0, 512, SUPPLY_LARGE), STATUS_EXISTS, "large: over a 2 MiB page");
    EXPECT(move(m, 3, stock(), 0, 1), STATUS_EXISTS, "large: a single page over it");
    EXPECT(sys_protect(m, 9, 1, R), STATUS_OK, "large: protecting a page splits it");
    CHECK(info(m).large == 0 && info(m).filled == LARGE, "info: 512 pages");
    CHECK(!probe(&p, SOMEWHERE + 9 * PAGE, RIGHT_WRITE) && probe(&p, SOMEWHERE + 8 * PAGE, RIGHT_WRITE),
          "large: only that page is protected");
    EXPECT(sys_withdraw(m, 0, stock(), 1024, 512, SUPPLY_LARGE), STATUS_NOT_FOUND,
           "large: a protected page: no join");
    EXPECT(sys_protect(m, 9, 1, RWX), STATUS_OK, "large: unprotected");
    EXPECT(move(small, 0, m, 5, 1), STATUS_OK, "large: a page goes away");
    EXPECT(sys_withdraw(m, 0, stock(), 1024, 512, SUPPLY_LARGE), STATUS_NOT_FOUND,
           "large: a missing page: no join");
    EXPECT(move(m, 5, small, 0, 1), STATUS_OK, "large: it comes back");
    EXPECT(sys_withdraw(m, 0, stock(), 1024, 512, SUPPLY_LARGE), STATUS_OK, "large: joined again, withdrawn");
    CHECK(!probe(&p, SOMEWHERE, R) && info(m).filled == 0 && info(m).large == 0, "large: gone");
    EXPECT(sys_protect(stock(), 1024, 1, RWX), STATUS_OK, "large: the stock is in single pages again");
    EXPECT(sys_protect(stock(), 0, 1, RWX), STATUS_OK, "large: also where a failed supply joined them");
}

const struct part page_parts[] = {{"wrong supplies", wrong_supplies},
                                  {"moving", moving},
                                  {"wrong withdrawals", wrong_withdrawals},
                                  {"protect", protection},
                                  {"borrow", borrowing},
                                  {"2 MiB", large},
                                  {0}};
