// System calls, IPC between two processes, notifications.
// SPDX-License-Identifier: MIT
#include "libipc/time.h"
#include "tests/programs/bench/bench.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"

enum { LOOPS = 1000, CHILD_ENDPOINT = 1, CHILD_REPLY = 2 };

static volatile uint64_t woken_at;

static void null(void)
{
    uint64_t before = now();
    for (unsigned i = 0; i < LOOPS; i++)
        (void)!sys_null();
    bench_line("null_syscall", (now() - before) / LOOPS);
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

// Caller and server are equally urgent, as a monitor and a device server are.
static void call(void)
{
    struct child c;
    uint32_t e = make_endpoint();
    child_make(&c, SLOT_NONE);
    child_give(&c, CHILD_ENDPOINT, e, RIGHT_RECEIVE, 0);
    child_give(&c, CHILD_REPLY, make_reply(), RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_run(&c, PRIORITY_ROOT, server, NULL);
    settle();
    struct message m = MESSAGE(1, 1, 2, 3, 4);
    uint64_t before = now();
    for (unsigned i = 0; i < LOOPS; i++)
        if (sys_call(e, &m) != STATUS_OK)
            tap_bail_out("a call failed");
    bench_line("ipc_call_reply", (now() - before) / LOOPS);
    slate_wipe();
}

static void waiter(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    while (sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge) == STATUS_OK)
        woken_at = now();
}

// From the signal to the first instruction of a more urgent process.
static void notification(void)
{
    struct child c;
    uint32_t n = make_notification(), badged = make_copy(n, RIGHT_SEND, 1);
    uint64_t sum = 0;
    child_make(&c, SLOT_NONE);
    child_run(&c, PRIORITY_HIGH, waiter, NULL);
    if (sys_thread_ctl(c.thread, THREAD_BIND, n) != STATUS_OK)
        tap_bail_out("a thread cannot be bound");
    for (unsigned i = 0; i < LOOPS; i++) {
        uint64_t before = now();
        (void)!sys_signal(badged);
        sum += woken_at - before;
    }
    bench_line("signal_wake", sum / LOOPS);
    slate_wipe();
}

void bench_calls(void)
{
    null();
    call();
    notification();
}
