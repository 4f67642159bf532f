// Threads of one process: their own state, locks, sleeping.
// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/lock.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"
#include "tests/programs/runtime/parts.h"

enum { THREADS = 4, ROUNDS = 400, STACK = 8192, PATIENCE = 5000 };

static char stacks[THREADS][STACK] __attribute__((aligned(16)));
static volatile unsigned finished, wrong;

// Threads of different urgency, so that the lock is found taken by one who cannot go on.
static void start_all(void (*run)(void *))
{
    finished = wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        struct thread_plan plan = {.slot = slot_new(),
                                   .index = i + 1,
                                   .priority = PRIORITY_ROOT - 2 + i,
                                   .stack = stacks[i],
                                   .stack_bytes = STACK,
                                   .run = run,
                                   .argument = (void *)(uintptr_t)(i + 1)};
        if (thread_start(&plan) != STATUS_OK)
            tap_bail_out("a thread does not start");
    }
    for (unsigned i = 0; i < PATIENCE && finished < THREADS; i++)
        thread_sleep(deadline_in(NS_PER_MS));
}

static void finish(void)
{
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void allocates(void *number)
{
    unsigned char *blocks[8] = {0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = i % 8, size = 1 + (i * 37 + (unsigned)(uintptr_t)number * 11) % 300;
        if (blocks[at])
            wrong += blocks[at][0] != (unsigned char)(uintptr_t)number;
        free(blocks[at]);
        blocks[at] = malloc(size);
        if (!blocks[at])
            wrong++;
        else
            memset(blocks[at], (int)(uintptr_t)number, size);
        if (i % 50 == 0)
            thread_sleep(deadline_in(10 * NS_PER_US));
    }
    for (unsigned i = 0; i < 8; i++)
        free(blocks[i]);
    finish();
}

static void sets_errno(void *number)
{
    for (unsigned i = 0; i < 20; i++) {
        errno = (int)(uintptr_t)number;
        thread_sleep(deadline_in(20 * NS_PER_US));
        wrong += errno != (int)(uintptr_t)number;
    }
    finish();
}

static struct lock lock;
static unsigned counter;

static void counts(void *number)
{
    (void)number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        lock_take(&lock);
        lock_take(&lock); // again by its owner
        unsigned seen = counter;
        if (i % 40 == 0)
            thread_sleep(deadline_in(5 * NS_PER_US));
        counter = seen + 1;
        lock_drop(&lock);
        lock_drop(&lock);
    }
    finish();
}

static void sleeping(void)
{
    uint32_t n = make_notification(), badged = make_copy(n, RIGHT_SEND, 6);
    EXPECT(thread_bind(SELF_THREAD, n), STATUS_OK, "thread_bind");
    EXPECT(sys_signal(badged), STATUS_OK, "a signal before sleeping");
    uint64_t until = deadline_in(100 * NS_PER_US);
    thread_sleep(until);
    CHECK(now() >= until, "thread_sleep: as long as it should, bits or not");
    CHECK(thread_has_bits() && thread_take_bits() == 6 && !thread_has_bits(),
          "thread_take_bits: they were kept");
}

void test_threads(void)
{
    start_all(allocates);
    CHECK(finished == THREADS && wrong == 0, "malloc: from four threads at once");
    slate_wipe();
    start_all(sets_errno);
    CHECK(finished == THREADS && wrong == 0, "errno: each thread has its own");
    slate_wipe();
    start_all(counts);
    CHECK(finished == THREADS && counter == THREADS * ROUNDS && lock.owner == 0,
          "locks: exclusive, between threads of different urgency, recursive");
    slate_wipe();
    sleeping();
    slate_wipe();
}
