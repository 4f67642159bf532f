// Pagers: missing pages are messages.
// SPDX-License-Identifier: MIT
#include "tests/programs/kernel/prober.h"
#include "tests/programs/kernel/topics.h"

#define R         RIGHT_READ
#define RW        (RIGHT_READ | RIGHT_WRITE)
#define RWX       (RW | RIGHT_EXECUTE)
#define PAGE      UINT64_C(4096)
#define SOMEWHERE (UINT64_C(100) << 30)

enum { CHILD_ENDPOINT = 1, CHILD_REPLY = 2, PAGER_BADGE = 21 };

static uint32_t paged_memory(uint32_t *pager)
{
    *pager = make_endpoint();
    return make(OBJECT_MEMORY, 600, make_copy(*pager, RIGHT_SEND, PAGER_BADGE), SLOT_NONE, 0);
}

static bool page_fault(uint32_t pager, uint32_t reply, uint64_t page, uint64_t rights)
{
    struct message m = {0};
    uint64_t badge;
    return receive_call(pager, reply, &m, &badge) == STATUS_OK && badge == PAGER_BADGE &&
           m.tag == TAG(LABEL_PAGE_FAULT, PAGE_FAULT_WORDS) && m.words[PAGE_FAULT_PAGE] == page &&
           m.words[PAGE_FAULT_RIGHTS] == rights;
}

static void demand(void)
{
    struct prober p;
    uint32_t pager, r = make_reply(), m = paged_memory(&pager);
    struct message none = {0};
    uint64_t badge;
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    CHECK(!probe(&p, SOMEWHERE + 3 * PAGE, R) && child_state(&p.child) == THREAD_PAGING,
          "a missing page: it waits");
    EXPECT(sys_info(m, INFO_OBJECT), STATUS_OK, "info: of the memory");
    CHECK(((const struct info_memory *)(const void *)utcb()->words)->waiting == 1,
          "info: one waits for a page");
    CHECK(page_fault(pager, r, 3, R), "its pager gets page and access, and its badge");
    EXPECT(receive_call(pager, r, &none, &badge), STATUS_TIMEOUT, "no reply object is used up");
    fill(m, 4, 1);
    CHECK(!probe_done(&p), "another page comes: it waits on");
    fill(m, 3, 1);
    CHECK(probe_done(&p), "the page comes: it goes on");
    CHECK(probe(&p, SOMEWHERE + 4 * PAGE, RIGHT_WRITE), "a page that is there makes no message");
    CHECK(!probe(&p, SOMEWHERE + 599 * PAGE, RIGHT_WRITE) && page_fault(pager, r, 599, RW),
          "a write to a missing page");
    fill(m, 599, 1);
    CHECK(probe_done(&p), "it goes on");
    CHECK(!probe(&p, SOMEWHERE + 600 * PAGE, R) && p.fault.kind == FAULT_EXCEPTION,
          "behind the end: a fault instead");
}

static void sealed(void)
{
    struct prober p;
    uint32_t pager, r = make_reply(), m = paged_memory(&pager);
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    fill(m, 0, 1);
    CHECK(probe(&p, SOMEWHERE, RIGHT_WRITE), "a page is written");
    EXPECT(sys_protect(m, 0, 1, R), STATUS_OK, "it is protected, to learn of writes");
    CHECK(probe(&p, SOMEWHERE, R), "it is read");
    CHECK(!probe(&p, SOMEWHERE, RIGHT_WRITE) && page_fault(pager, r, 0, RW),
          "the next write is a message to the pager");
    EXPECT(sys_protect(m, 0, 1, RWX), STATUS_OK, "which lets it pass");
    CHECK(probe_done(&p), "the write goes on");
    EXPECT(sys_unmap(p.child.process, SOMEWHERE), STATUS_OK, "unmapped, mapped read-only");
    prober_map(&p, SOMEWHERE, m, R);
    CHECK(!probe(&p, SOMEWHERE, RIGHT_WRITE) && p.fault.kind == FAULT_EXCEPTION,
          "a write that the mapping forbids: a fault, no message");
}

static void several(void)
{
    struct prober p;
    struct child second;
    uint32_t pager, r = make_reply(), m = paged_memory(&pager);
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    CHECK(!probe(&p, SOMEWHERE, R), "one thread waits for a page");
    second = p.child;
    child_run(&second, PRIORITY_HIGH, (void (*)(void *))SOMEWHERE, NULL); // executes: a fault of the mapping
    struct message f = {0};
    uint64_t badge;
    EXPECT(receive_call(p.handler, p.reply, &f, &badge), STATUS_OK,
           "a second thread executes there: a fault");
    CHECK(page_fault(pager, r, 0, R), "the first one's message");
    EXPECT(sys_destroy(p.child.process), STATUS_OK, "the process dies");
    fill(m, 0, 1);
    CHECK(!page_fault(pager, r, 0, R), "nothing is left of its message");
}

static volatile enum status pager_status;

static void pager_child(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    pager_status = sys_reply_wait(CHILD_ENDPOINT, 0, SLOT_NONE, CHILD_REPLY, &m, &badge);
    (void)!sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge);
}

static void death(void)
{
    struct prober p;
    struct child c;
    uint32_t pager, r = make_reply(), m = paged_memory(&pager);
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    child_make(&c, SLOT_NONE);
    child_give(&c, CHILD_ENDPOINT, pager, RIGHT_RECEIVE, 0);
    child_give(&c, CHILD_REPLY, r, RIGHT_RECEIVE, 0);
    pager_status = STATUS_COUNT;
    child_run(&c, PRIORITY_HIGH, pager_child, NULL);
    CHECK(!probe(&p, SOMEWHERE, R) && pager_status == STATUS_OK, "a pager got a message");
    child_end(&c);
    CHECK(page_fault(pager, r, 0, R) && utcb()->deliveries == 1,
          "it dies: the next one gets the message again");
    EXPECT(sys_destroy(pager), STATUS_OK, "the pager's endpoint dies");
    fill(m, 0, 1);
    CHECK(probe_done(&p), "whoever holds the memory can still fill the page");
    CHECK(!probe(&p, SOMEWHERE + PAGE, R) && p.fault.kind == FAULT_EXCEPTION,
          "a missing page without a pager: a fault");
}

static void memory_dies(void)
{
    struct prober p;
    uint32_t pager, r = make_reply(), m = paged_memory(&pager);
    struct message f = {0};
    uint64_t badge;
    prober_make(&p);
    prober_map(&p, SOMEWHERE, m, RW);
    CHECK(!probe(&p, SOMEWHERE, R) && child_state(&p.child) == THREAD_PAGING, "a thread waits for a page");
    EXPECT(sys_destroy(m), STATUS_OK, "the memory is destroyed");
    EXPECT(receive_call(p.handler, p.reply, &f, &badge), STATUS_OK, "the thread tries again, and faults");
    CHECK(f.words[2] == SOMEWHERE, "the fault's address");
    CHECK(!page_fault(pager, r, 0, R), "the pager has no message any more");
}

const struct part pager_parts[] = {{"demand", demand}, {"sealed", sealed},           {"several", several},
                                   {"death", death},   {"memory dies", memory_dies}, {0}};
