// Notifications.
// SPDX-License-Identifier: MIT
#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum { CHILD_NOTIFICATION = 1 };

static volatile uint64_t got_bits;
static volatile enum status got_status;

static enum status poll(struct message *m)
{
    uint64_t badge;
    return sys_reply_wait(SLOT_NONE, WAIT_POLL, SLOT_NONE, SLOT_NONE, m, &badge);
}

static void wrong_arguments(void)
{
    uint32_t n = make_notification(), mute = make_copy(n, RIGHT_RECEIVE, 1),
             deaf = make_copy(n, RIGHT_SEND, 1);
    EXPECT(sys_signal(SLOT_NONE), STATUS_BAD_CAP, "signal: slot 0");
    EXPECT(sys_signal(EMPTY_SLOT), STATUS_BAD_CAP, "signal: an empty slot");
    EXPECT(sys_signal(make_endpoint()), STATUS_BAD_CAP, "signal: something that is no notification");
    EXPECT(sys_signal(mute), STATUS_NO_RIGHT, "signal: without SEND");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, deaf), STATUS_NO_RIGHT, "bind: without RECEIVE");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, EMPTY_SLOT), STATUS_BAD_CAP, "bind: an empty slot");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, SELF), STATUS_BAD_CAP,
           "bind: something that is no notification");
}

static void bits(void)
{
    uint32_t n = make_notification();
    struct message m = {0};
    unsigned wrong = 0;
    for (unsigned i = 0; i < 64; i += 9)
        wrong += sys_signal(make_copy(n, RIGHT_SEND, UINT64_C(1) << i)) != STATUS_OK;
    CHECK(wrong == 0, "signal: before anybody is bound");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, n), STATUS_OK, "bind: the own thread");
    EXPECT(poll(&m), STATUS_OK, "wait: bits that came before the binding");
    CHECK(TAG_LABEL(m.tag) == LABEL_BITS && m.words[0] == UINT64_C(0x8040201008040201),
          "wait: all bits in one word");
    EXPECT(poll(&m), STATUS_TIMEOUT, "wait: bits come once");
    EXPECT(sys_signal(n), STATUS_OK, "signal: badge 0 sets no bit");
    EXPECT(poll(&m), STATUS_TIMEOUT, "wait: so nothing comes");
}

// Bits come before calls.
static void with_calls(void)
{
    uint32_t n = make_notification(), e = make_endpoint(), r = make_reply(),
             badged = make_copy(n, RIGHT_SEND, 3);
    struct message m = {0};
    uint64_t badge;
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, n), STATUS_OK, "bind: a server's thread");
    EXPECT(sys_signal(badged), STATUS_OK, "signal: the own notification");
    utcb()->deadline = UINT64_MAX;
    EXPECT(sys_reply_wait(e, WAIT_DEADLINE, SLOT_NONE, r, &m, &badge), STATUS_OK,
           "wait: for calls; bits are there");
    CHECK(badge == 0 && m.tag == TAG(LABEL_BITS, 1) && m.words[0] == 3, "wait: they look like a message");
    EXPECT(sys_reply_wait(e, WAIT_POLL, SLOT_NONE, r, &m, &badge), STATUS_TIMEOUT,
           "wait: the reply object is free");
}

static void waiter(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    for (;;) {
        got_status = sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge);
        got_bits = m.words[0];
    }
}

static void waking(void)
{
    struct child high, low;
    uint32_t n = make_notification(), badged = make_copy(n, RIGHT_SEND, 16), other = make_notification();
    uint32_t other_badged = make_copy(other, RIGHT_SEND, 32);
    got_bits = 0;
    child_make(&high, SLOT_NONE);
    child_run(&high, PRIORITY_HIGH, waiter, NULL);
    EXPECT(sys_thread_ctl(high.thread, THREAD_BIND, n), STATUS_OK, "bind: another thread, which waits");
    EXPECT(sys_signal(badged), STATUS_OK, "signal: a waiting thread");
    CHECK(got_bits == 16, "signal: a more urgent thread runs at once");
    child_make(&low, SLOT_NONE);
    child_run(&low, PRIORITY_LOW, waiter, NULL);
    EXPECT(sys_thread_ctl(low.thread, THREAD_BIND, n), STATUS_BUSY, "bind: what is bound to another thread");
    EXPECT(sys_thread_ctl(high.thread, THREAD_BIND, other), STATUS_OK, "bind: another one instead");
    got_bits = 0;
    EXPECT(sys_signal(badged), STATUS_OK, "signal: the former one");
    CHECK(got_bits == 0, "signal: nobody is bound to it any more");
    EXPECT(sys_signal(other_badged), STATUS_OK, "signal: the present one");
    CHECK(got_bits == 32, "signal: it is heard");
    EXPECT(sys_thread_ctl(low.thread, THREAD_BIND, n), STATUS_OK, "bind: the former one is free again");
    EXPECT(sys_thread_ctl(high.thread, THREAD_BIND, SLOT_NONE), STATUS_OK, "bind: nothing");
    got_bits = 0;
    EXPECT(sys_signal(other_badged), STATUS_OK, "signal: after unbinding");
    CHECK(got_bits == 0 && child_state(&high) == THREAD_WAITS, "signal: nobody hears it");
}

// Bits are sticky: they outlive threads.
static void binding_dies(void)
{
    struct child c;
    uint32_t n = make_notification(), badged = make_copy(n, RIGHT_SEND, 64);
    struct message m = {0};
    child_make(&c, SLOT_NONE);
    child_run(&c, PRIORITY_HIGH, waiter, NULL);
    EXPECT(sys_thread_ctl(c.thread, THREAD_BIND, n), STATUS_OK, "bind: a thread that will die");
    child_end(&c);
    EXPECT(sys_signal(badged), STATUS_OK, "signal: its thread is dead");
    EXPECT(sys_thread_ctl(SELF_THREAD, THREAD_BIND, n), STATUS_OK, "bind: the next incarnation");
    EXPECT(poll(&m), STATUS_OK, "wait: the bits are still there");
    CHECK(m.words[0] == 64, "wait: unharmed");
    EXPECT(sys_destroy(n), STATUS_OK, "destroy: a bound notification");
    EXPECT(sys_signal(badged), STATUS_BAD_CAP, "signal: a dead notification");
    EXPECT(poll(&m), STATUS_TIMEOUT, "wait: its thread lives on");
}

const struct part notification_parts[] = {{"wrong arguments", wrong_arguments},
                                          {"bits", bits},
                                          {"with calls", with_calls},
                                          {"waking", waking},
                                          {"death", binding_dies},
                                          {0}};
