// A server that counts, and dies in every way when it is told to.
// SPDX-License-Identifier: MIT
#include "tests/programs/fragile/fragile.h"

#include <stdlib.h>

#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/server.h"
#include "libipc/start.h"
#include "libipc/thread.h"
#include "libipc/time.h"

const char program_name[] = "fragile";

enum { SECTION_COUNT = 1, CALLERS = 4, STATE_PAGES = 4 };

struct counts {
    uint64_t count, starts;
};

static struct state state;
static struct counts *counts;
static bool dies_in_publish;

// Volatile, so that the compiler lets all this happen.
static volatile uintptr_t nowhere;
static volatile unsigned zero;

static void crash_read(void)
{
    (void)*(volatile int *)nowhere;
}

static void crash_write_text(void)
{
    *(volatile char *)(uintptr_t)crash_read = 0;
}

static void crash_execute_data(void)
{
    static volatile uint8_t code[] = {0xc3};
    ((void (*)(void))(uintptr_t)code)();
}

static unsigned deeper(unsigned n)
{
    volatile char frame[1024];
    frame[0] = (char)n;
    return n == zero ? 0 : deeper(n + 1) + (unsigned)frame[0];
}

static void crash_stack(void)
{
    (void)deeper(1);
}

static void crash_divide(void)
{
    zero = 7 / zero;
}

static void crash_invalid(void)
{
    asm volatile("ud2");
}

static void crash_exit(void)
{
    exit(3);
}

static void crash_loop(void)
{
    for (;;)
        asm volatile("pause");
}

static void crash_call_self(void)
{
    struct message m = MESSAGE(LABEL_FRAGILE_COUNT, 0);
    (void)!sys_call(FRAGILE_SLOT_SELF, &m);
}

static void crash_suspend(void)
{
    (void)!sys_thread_ctl(SLOT_THREAD, THREAD_SUSPEND, 0);
}

static void loop(void *unused)
{
    (void)unused;
    crash_loop();
}

static void crash_thread(void)
{
    static uint8_t stack[4096] __attribute__((aligned(16)));
    static const struct thread_plan plan = {.slot = FRAGILE_SLOT_THREAD,
                                            .index = 1,
                                            .priority = 10,
                                            .stack = stack,
                                            .stack_bytes = sizeof stack,
                                            .run = loop};
    if (thread_start(&plan) == STATUS_OK)
        thread_sleep(DEADLINE_NONE);
}

static void crash_committed(void)
{
    dies_in_publish = true;
}

static void (*const crashes[CRASHES])(void) = {
    [CRASH_READ] = crash_read,
    [CRASH_WRITE_TEXT] = crash_write_text,
    [CRASH_EXECUTE_DATA] = crash_execute_data,
    [CRASH_STACK] = crash_stack,
    [CRASH_DIVIDE] = crash_divide,
    [CRASH_INVALID] = crash_invalid,
    [CRASH_EXIT] = crash_exit,
    [CRASH_ABORT] = abort,
    [CRASH_LOOP] = crash_loop,
    [CRASH_CALL_SELF] = crash_call_self,
    [CRASH_SUSPEND] = crash_suspend,
    [CRASH_THREAD] = crash_thread,
    [CRASH_COMMITTED] = crash_committed,
};

static void publish(struct server *s)
{
    (void)s;
    if (dies_in_publish)
        crash_invalid();
}

static enum reply_how count(struct server *s, const struct message_in *in, struct message *answer)
{
    uint64_t crash = in->message.words[0];
    if (crash < CRASHES && in->deliveries < in->message.words[1])
        crashes[crash]();
    counts->count++;
    server_changed(s, &counts->count, sizeof counts->count);
    *answer = MESSAGE(STATUS_OK, counts->count, counts->starts, program_start.kind);
    return REPLY_NOW;
}

static enum reply_how access(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s;
    if (in->message.words[ACCESS_OFFSET] == FRAGILE_POISON)
        crash_read();
    *answer = MESSAGE(STATUS_OK, counts->count);
    return REPLY_NOW;
}

static void open_state(void)
{
    static const struct state_section sections[] = {{SECTION_COUNT, sizeof(struct counts)},
                                                    {REPLIES_SECTION, CALLERS * sizeof(struct stored_reply)}};
    static const struct state_layout layout = {0x66726167, 1, 4096, 2, sections};
    enum state_status s =
        state_open(&state, (void *)MAP_STATE, STATE_PAGES * 4096, &layout, program_start.kind);
    if (s == STATE_EMPTY)
        state_adopt(&state);
    else if (s != STATE_OK)
        die("its state is lost (%u)", s);
    counts = state_section(&state, SECTION_COUNT);
    counts->starts++;
    if (state_commit(&state, &counts->starts, sizeof counts->starts) != STATE_OK)
        die("it cannot commit");
}

int main(void)
{
    static const struct server_handler handlers[] = {{LABEL_FRAGILE_COUNT, LABEL_FRAGILE_COUNT, count},
                                                     {LABEL_ACCESS, LABEL_ACCESS, access}};
    static struct server server = {.endpoint = SLOT_ENDPOINT,
                                   .replies = SLOT_REPLY,
                                   .reply_count = 2,
                                   .handlers = handlers,
                                   .handler_count = 2,
                                   .publish = publish,
                                   .tries = SERVER_TRIES,
                                   .state = &state,
                                   .stored_count = CALLERS};
    open_state();
    server.stored = state_section(&state, REPLIES_SECTION);
    if (server_init(&server) != STATUS_OK)
        die("it cannot start");
    (void)server_run(&server);
    die("its endpoint is gone");
}
