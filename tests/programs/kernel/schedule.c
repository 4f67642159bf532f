// Who runs when: priorities, slices, weights, budgets, inheritance.
// SPDX-License-Identifier: MIT
#include "libipc/thread.h"
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum { CHILD_ENDPOINT = 1, CHILD_REPLY = 2, SPIN_MAX = 200000000 };

static volatile uint64_t counts[2];

static void spin(void *argument)
{
    volatile uint64_t *mine = &counts[(uintptr_t)argument];
    while (*mine < SPIN_MAX)
        ++*mine;
}

static void rest(uint64_t ns)
{
    thread_sleep(deadline_in(ns));
}

static uint64_t account_used(uint32_t account)
{
    return sys_info(account, INFO_OBJECT) == STATUS_OK ? ((struct info_account *)(void *)utcb()->words)->used
                                                       : 0;
}

static void start(struct child *c, unsigned priority, uintptr_t which, uint32_t account)
{
    child_make(c, SLOT_NONE);
    child_thread(c, priority, spin, (void *)which);
    counts[which] = 0;
    if (account)
        EXPECT(sys_thread_ctl(c->thread, THREAD_SET_ACCOUNT, account), STATUS_OK,
               "control: an account of its own");
    EXPECT(sys_thread_ctl(c->thread, THREAD_RESUME, 0), STATUS_OK, "resume");
}

static enum status create_account(uint64_t weight, uint64_t budget, uint64_t period)
{
    return sys_create(OBJECT_ACCOUNT, slot_new(), SELF, weight, budget, period, 0);
}

static void accounts(void)
{
    uint64_t ms = ticks_from_ns(NS_PER_MS);
    EXPECT(create_account(0, 0, 0), STATUS_BAD_ARG, "create account: no weight");
    EXPECT(create_account(1001, 0, 0), STATUS_BAD_ARG, "create account: too much weight");
    EXPECT(create_account(100, ms, 0), STATUS_BAD_ARG, "create account: a budget without a period");
    EXPECT(create_account(100, 2 * ms, ms), STATUS_BAD_ARG, "create account: more budget than period");
    EXPECT(create_account(100, 1, 10), STATUS_BAD_ARG, "create account: too short a period");
    EXPECT(create_account(1, ms, ms), STATUS_OK, "create account: the whole period");
    EXPECT(create_account(1000, 0, 0), STATUS_OK, "create account: no budget");
}

static void priorities(void)
{
    struct child low;
    start(&low, PRIORITY_LOW, 0, SLOT_NONE);
    uint64_t until = deadline_in(25 * NS_PER_MS);
    while (now() < until)
        ;
    CHECK(counts[0] == 0, "priority: a lower one gets nothing while a higher one runs, slices or not");
    for (unsigned i = 0; i < 100 && !counts[0]; i++)
        rest(NS_PER_MS);
    CHECK(counts[0] > 0, "priority: it runs when the higher one waits");
    uint64_t then = counts[0];
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_SET_PRIORITY, PRIORITY_LOW - 1), STATUS_OK,
           "priority: lowering the own");
    CHECK(counts[0] == SPIN_MAX || counts[0] > then, "priority: the other one is more urgent now");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_SET_PRIORITY, PRIORITY_ROOT), STATUS_OK, "priority: back");
}

static void slices(void)
{
    struct child a, b;
    start(&a, PRIORITY_LOW, 0, SLOT_NONE);
    start(&b, PRIORITY_LOW, 1, SLOT_NONE);
    rest(100 * NS_PER_MS);
    CHECK(counts[0] > 0 && counts[1] > 0, "slices: equals take turns");
}

static void weights(void)
{
    struct child a, b;
    uint32_t light = make(OBJECT_ACCOUNT, 100, 0, 0, 0), heavy = make(OBJECT_ACCOUNT, 300, 0, 0, 0);
    start(&a, PRIORITY_LOW, 0, light);
    start(&b, PRIORITY_LOW, 1, heavy);
    rest(400 * NS_PER_MS);
    uint64_t x = account_used(light), y = account_used(heavy);
    CHECK(x > 0 && y > 2 * x && y < 4 * x,
          "weights: 300 gets three times as much as 100 (%llu and %llu ticks)", (unsigned long long)y,
          (unsigned long long)x);
    EXPECT(sys_destroy(heavy), STATUS_OK, "destroy: an account that is in use");
    rest(30 * NS_PER_MS);
    CHECK(child_state(&b) == THREAD_READY, "destroy: its thread runs at the root account's expense");
}

static void budgets(void)
{
    struct child c;
    uint64_t period = ticks_from_ns(10 * NS_PER_MS), before = now();
    uint32_t poor = make(OBJECT_ACCOUNT, 100, period / 5, period, 0);
    start(&c, PRIORITY_LOW, 0, poor);
    rest(200 * NS_PER_MS);
    uint64_t elapsed = now() - before, used = account_used(poor);
    CHECK(used > elapsed / 20 && used < elapsed / 3,
          "budget: a fifth of the time, and nobody else runs (%llu of %llu)", (unsigned long long)used,
          (unsigned long long)elapsed);
    uint64_t then = counts[0];
    rest(50 * NS_PER_MS);
    CHECK(counts[0] > then, "budget: it comes again each period");
}

static void server(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    uint32_t reply = SLOT_NONE;
    (void)argument;
    while (sys_reply_wait(CHILD_ENDPOINT, 0, reply, CHILD_REPLY, &m, &badge) == STATUS_OK)
        reply = CHILD_REPLY;
}

// A server that works for somebody urgent is as urgent, until it has answered.
static void inheritance(void)
{
    struct child to, middle;
    uint32_t e = make_endpoint();
    child_make(&to, SLOT_NONE);
    child_give(&to, CHILD_ENDPOINT, e, RIGHT_RECEIVE, 0);
    child_give(&to, CHILD_REPLY, make_reply(), RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_run(&to, PRIORITY_LOW, server, NULL);
    settle(); // it waits now
    start(&middle, PRIORITY_LOW + 2, 0, SLOT_NONE);
    struct message m = MESSAGE(1, 1);
    uint64_t before = now();
    EXPECT(sys_call(e, &m), STATUS_OK,
           "inheritance: a call to a server that is less urgent than another thread");
    CHECK(counts[0] == 0, "inheritance: that thread did not run meanwhile (%llu ticks)",
          (unsigned long long)(now() - before));
    EXPECT(sys_thread_ctl(middle.thread, THREAD_SUSPEND, 0), STATUS_OK, "suspend");
}

static void times(void)
{
    struct child c;
    const struct info_thread *i = (const struct info_thread *)(const void *)utcb()->words;
    start(&c, PRIORITY_LOW, 0, SLOT_NONE);
    rest(20 * NS_PER_MS);
    EXPECT(sys_info(c.thread, INFO_OBJECT), STATUS_OK, "info: a thread that only counts");
    CHECK(i->waits == 0 && i->cpu_time > 0 && i->cpu_time_since_wait == i->cpu_time, "info: it never waited");
    EXPECT(sys_info(SELF_THREAD, INFO_OBJECT), STATUS_OK, "info: this thread");
    uint64_t waits = i->waits, time = i->cpu_time;
    rest(NS_PER_MS);
    EXPECT(sys_info(SELF_THREAD, INFO_OBJECT), STATUS_OK, "info: this thread again");
    CHECK(i->waits == waits + 1 && i->cpu_time > time && i->cpu_time_since_wait < i->cpu_time,
          "info: it waited once more");
    EXPECT(sys_info_thread(c.process, 0), STATUS_OK, "info: the first thread of a process");
    CHECK(i->waits == 0 && i->cpu_time > 0, "info: it is the one that only counts");
    EXPECT(sys_info_thread(c.process, 1), STATUS_BAD_ARG, "info: a thread that is not there");
    EXPECT(sys_info_thread(c.process, UINT64_MAX), STATUS_BAD_ARG, "info: a thread far off");
    EXPECT(sys_info_thread(c.thread, 0), STATUS_BAD_CAP, "info: a thread of what is no process");
    EXPECT(sys_info_thread(make_copy(c.process, RIGHT_CONTROL, 0), 0), STATUS_NO_RIGHT,
           "info: a thread, without READ");
}

const struct part time_parts[] = {{"weights", weights}, {"budgets", budgets}, {0}};

const struct part schedule_parts[] = {{"accounts", accounts}, {"priorities", priorities},
                                      {"slices", slices},     {"inheritance", inheritance},
                                      {"times", times},       {0}};
