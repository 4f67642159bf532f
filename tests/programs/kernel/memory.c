// Memory objects and mappings.
// SPDX-License-Identifier: MIT
#include "libipc/start.h"
#include "tests/programs/kernel/prober.h"
#include "tests/programs/kernel/topics.h"

#define R         RIGHT_READ
#define RW        (RIGHT_READ | RIGHT_WRITE)
#define RX        (RIGHT_READ | RIGHT_EXECUTE)
#define RWX       (RW | RIGHT_EXECUTE)
#define GIB       (UINT64_C(1) << 30)
#define MIB       (UINT64_C(1) << 20)
#define PAGE      UINT64_C(4096)
#define SOMEWHERE (100 * GIB)

enum { SMALL = 512, PAGES_MAX = 512 * 512 * 512, MAPPINGS_MAX = 256 };

static enum status create(uint64_t pages, uint64_t pager, uint64_t base)
{
    return sys_create(OBJECT_MEMORY, slot_new(), SELF, pages, pager, base, 0);
}

static void creation(void)
{
    uint32_t e = make_endpoint(), mute = make_copy(e, RIGHT_RECEIVE, 0);
    uint32_t weak = make_copy(make_memory(1), R, 0);
    EXPECT(create(0, 0, 0), STATUS_BAD_ARG, "create memory: no pages");
    EXPECT(create(PAGES_MAX + 1, 0, 0), STATUS_BAD_ARG, "create memory: too many pages");
    EXPECT(create(UINT64_MAX, 0, 0), STATUS_BAD_ARG, "create memory: far too many pages");
    EXPECT(create(1, EMPTY_SLOT, 0), STATUS_BAD_CAP, "create memory: an empty slot as pager");
    EXPECT(create(1, SELF, 0), STATUS_BAD_CAP, "create memory: a pager that is no endpoint");
    EXPECT(create(1, mute, 0), STATUS_NO_RIGHT, "create memory: a pager without SEND");
    EXPECT(create(1, 0, EMPTY_SLOT), STATUS_BAD_CAP, "create memory: an empty slot as base");
    EXPECT(create(1, 0, e), STATUS_BAD_CAP, "create memory: a base that is no memory");
    EXPECT(create(1, 0, weak), STATUS_NO_RIGHT, "create memory: a base without CONTROL");
    EXPECT(create(PAGES_MAX, 0, 0), STATUS_OK, "create memory: the largest object, 512 GiB");
    uint32_t m = make_memory(600);
    fill(m, 5, 2);
    EXPECT(sys_info(m, INFO_OBJECT), STATUS_OK, "info: of memory");
    const struct info_memory *i = (const struct info_memory *)(const void *)utcb()->words;
    CHECK(i->pages == 600 && i->filled == 2 && i->large == 0 && i->borrowed == 0 && i->mappings == 0 &&
              !i->waiting,
          "info: its pages and how they are filled");
}

static void wrong_mappings(void)
{
    struct child c;
    uint32_t small = make_memory(1), large = make_memory(SMALL + 1), weak = make_copy(small, R, 0);
    child_make(&c, SLOT_NONE);
    uint32_t p = c.process, closed = make_copy(p, RIGHT_READ, 0);
    EXPECT(sys_map(EMPTY_SLOT, SOMEWHERE, small, R), STATUS_BAD_CAP, "map: into nothing");
    EXPECT(sys_map(small, SOMEWHERE, small, R), STATUS_BAD_CAP,
           "map: into something that is no address space");
    EXPECT(sys_map(closed, SOMEWHERE, small, R), STATUS_NO_RIGHT,
           "map: into a process without CONTROL on it");
    EXPECT(sys_map(p, SOMEWHERE, EMPTY_SLOT, R), STATUS_BAD_CAP, "map: an empty slot");
    EXPECT(sys_map(p, SOMEWHERE, p, R), STATUS_BAD_CAP, "map: something that is no memory");
    EXPECT(sys_map(p, SOMEWHERE, weak, RW), STATUS_NO_RIGHT, "map: with a right that the capability lacks");
    EXPECT(sys_map(p, SOMEWHERE, small, RWX), STATUS_NO_RIGHT, "map: writable and executable");
    EXPECT(sys_map(p, SOMEWHERE, small, 0), STATUS_BAD_ARG, "map: no right");
    EXPECT(sys_map(p, SOMEWHERE, small, RIGHT_WRITE), STATUS_BAD_ARG, "map: writable and not readable");
    EXPECT(sys_map(p, SOMEWHERE, small, R | RIGHT_SEND), STATUS_BAD_ARG,
           "map: a right that mappings do not have");
    EXPECT(sys_map(p, SOMEWHERE, small, R | GIB), STATUS_BAD_ARG, "map: a right that does not exist");
    EXPECT(sys_map(p, SOMEWHERE + PAGE, small, R), STATUS_BAD_ARG, "map: a small object, not 2 MiB aligned");
    EXPECT(sys_map(p, SOMEWHERE + 2 * MIB, large, R), STATUS_BAD_ARG,
           "map: a large object, not 1 GiB aligned");
    EXPECT(sys_map(p, 0, small, R), STATUS_BAD_ARG, "map: at address 0");
    EXPECT(sys_map(p, UTCB_WINDOW, small, R), STATUS_BAD_ARG, "map: over the UTCBs");
    EXPECT(sys_map(p, 0, large, R), STATUS_BAD_ARG, "map: a large object over the UTCBs");
    EXPECT(sys_map(p, USER_ADDRESS_LIMIT, small, R), STATUS_BAD_ARG, "map: at the kernel's side");
    EXPECT(sys_map(p, UINT64_C(0xffff800000000000), small, R), STATUS_BAD_ARG, "map: in the kernel's half");
    EXPECT(sys_map(p, SOMEWHERE, small, R), STATUS_OK, "map: after all that");
    EXPECT(sys_map(p, SOMEWHERE, small, R), STATUS_EXISTS, "map: where something is");
    EXPECT(sys_map(p, SOMEWHERE, large, R), STATUS_EXISTS, "map: a large object over a small one");
    EXPECT(sys_map(p, SOMEWHERE + 5 * GIB, large, R), STATUS_OK, "map: a large object");
    EXPECT(sys_map(p, SOMEWHERE + 5 * GIB + 2 * MIB, small, R), STATUS_EXISTS,
           "map: a small object into a large one");
    EXPECT(sys_unmap(closed, SOMEWHERE), STATUS_NO_RIGHT, "unmap: without CONTROL");
    EXPECT(sys_unmap(p, SOMEWHERE + 2 * MIB), STATUS_NOT_FOUND, "unmap: where nothing is");
    EXPECT(sys_unmap(p, SOMEWHERE + PAGE), STATUS_NOT_FOUND, "unmap: amid a mapping");
    EXPECT(sys_unmap(p, UTCB_WINDOW), STATUS_NOT_FOUND, "unmap: the UTCBs");
    EXPECT(sys_unmap(p, SOMEWHERE), STATUS_OK, "unmap");
    EXPECT(sys_unmap(p, SOMEWHERE), STATUS_NOT_FOUND, "unmap: twice");
}

static void rights(void)
{
    struct prober p;
    uint32_t m = make_memory(10);
    uint64_t at = SOMEWHERE;
    prober_make(&p);
    fill(m, 0, 2);
    CHECK(!probe(&p, at, R), "an address that nothing is mapped at: page fault");
    CHECK(p.fault.kind == FAULT_EXCEPTION && p.fault.code == (14 | UINT64_C(4) << 32),
          "its code: user, read");
    prober_map(&p, at, m, RW);
    CHECK(probe(&p, at, R) && probe(&p, at, RIGHT_WRITE), "mapped read-write: reads and writes");
    CHECK(!probe(&p, at, RIGHT_EXECUTE), "mapped read-write: does not execute");
    CHECK(p.fault.code == (14 | UINT64_C(0x15) << 32), "its code: user, present, fetch");
    CHECK(!probe(&p, at + 2 * PAGE, R), "an empty page without a pager: page fault");
    CHECK(!probe(&p, at + 10 * PAGE, R), "behind the object's end, in its 2 MiB: page fault");
    EXPECT(sys_unmap(p.child.process, at), STATUS_OK, "unmap");
    CHECK(!probe(&p, at, R), "unmapped: page fault");
    prober_map(&p, at, m, RX);
    CHECK(probe(&p, at, R) && probe(&p, at, RIGHT_EXECUTE), "mapped read-execute: reads and executes");
    CHECK(!probe(&p, at, RIGHT_WRITE), "mapped read-execute: does not write");
    CHECK(p.fault.code == (14 | UINT64_C(7) << 32), "its code: user, present, write");
    prober_map(&p, at + 2 * MIB, m, R);
    CHECK(probe(&p, at + 2 * MIB, R), "mapped a second time, read-only: reads");
    CHECK(!probe(&p, at + 2 * MIB, RIGHT_WRITE) && !probe(&p, at + 2 * MIB, RIGHT_EXECUTE),
          "and nothing else");
    CHECK(!probe(&p, UINT64_C(0xffff800000000000), R), "the kernel's half: page fault");
    CHECK(probe(&p, UTCB_WINDOW, RIGHT_WRITE), "the UTCB: writable");
    CHECK(!probe(&p, UTCB_WINDOW, RIGHT_EXECUTE), "the UTCB: not executable");
    CHECK(!probe(&p, UTCB_ADDRESS(1), R), "another UTCB, whose thread is not there: page fault");
    CHECK(!probe(&p, PROGRAM_TEXT, RIGHT_WRITE), "the text: not writable");
}

static void sharing(void)
{
    struct prober p;
    uint32_t m = make_memory(SMALL + 1);
    prober_make(&p);
    fill(m, 0, 1);
    fill(m, SMALL, 1);
    prober_map(&p, SOMEWHERE, m, RW);
    volatile uint8_t *mine = look(m, RW), *end = mine + SMALL * PAGE;
    *mine = 1;
    *end = 2;
    CHECK(probe(&p, SOMEWHERE, RIGHT_WRITE) && probe(&p, SOMEWHERE + SMALL * PAGE, RIGHT_WRITE) &&
              *mine == 0xc3 && *end == 0xc3,
          "two processes see the same pages of a large object");
    EXPECT(sys_destroy(m), STATUS_BUSY, "destroy: memory that holds pages");
    EXPECT(sys_withdraw(m, 0, stock(), 0, 1, SUPPLY_MOVE), STATUS_OK,
           "withdraw: the first page, to its place");
    CHECK(!probe(&p, SOMEWHERE, R), "withdrawn: gone from other processes too");
    EXPECT(sys_withdraw(m, SMALL, stock(), 1, 1, SUPPLY_MOVE), STATUS_OK, "withdraw: the other page");
    EXPECT(sys_destroy(m), STATUS_OK, "destroy: empty memory that is mapped twice");
    CHECK(!probe(&p, SOMEWHERE, R), "destroyed: page fault");
}

static void many(void)
{
    struct child c;
    uint32_t m = make_memory(1);
    unsigned mapped = 0;
    child_make(&c, SLOT_NONE);
    enum status s;
    while ((s = sys_map(c.process, SOMEWHERE + 2 * MIB * (mapped * 97 % MAPPINGS_MAX), m, R)) == STATUS_OK)
        mapped++;
    CHECK(mapped == MAPPINGS_MAX - 2 && s == STATUS_NO_QUOTA, "map: a process has room for 256 mappings");
    EXPECT(sys_unmap(c.process, SOMEWHERE + 2 * MIB * 97), STATUS_OK, "unmap: one of many");
    EXPECT(sys_map(c.process, SOMEWHERE + 2 * MIB * 97, m, R), STATUS_OK, "map: there is room for one again");
    child_end(&c);
    EXPECT(sys_info(m, INFO_OBJECT), STATUS_OK, "info: of the memory");
    CHECK(((const struct info_memory *)(const void *)utcb()->words)->mappings == 0,
          "death: a process takes its mappings along");
}

const struct part memory_parts[] = {{"create", creation},    {"wrong mappings", wrong_mappings},
                                    {"rights", rights},      {"sharing", sharing},
                                    {"many mappings", many}, {0}};
