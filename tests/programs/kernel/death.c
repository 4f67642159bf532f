// Whoever takes part in a call may die.
// SPDX-License-Identifier: MIT
//
// Nothing is lost: what was received and not answered is delivered again, to whoever receives next.
#include "tests/programs/kernel/topics.h"

enum { CHILD_ENDPOINT = 1, CHILD_REPLY = 2 };

static volatile enum status caller_status, server_status;
static volatile uint64_t caller_answer;

static void caller(void *argument)
{
    struct message m = {TAG(5, 6), {(uintptr_t)argument}};
    utcb()->words[4] = 44;
    utcb()->words[5] = 55;
    caller_status = sys_call(CHILD_ENDPOINT, &m);
    caller_answer = m.words[0];
}

static void receiver(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    (void)argument;
    server_status = sys_reply_wait(CHILD_ENDPOINT, 0, SLOT_NONE, CHILD_REPLY, &m, &badge);
    for (;;)
        server_status = sys_reply_wait(SLOT_NONE, 0, SLOT_NONE, SLOT_NONE, &m, &badge);
}

static void start_caller(struct child *c, uint32_t endpoint, uint64_t word)
{
    caller_status = STATUS_COUNT;
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_SEND, 7);
    child_run(c, PRIORITY_HIGH, caller, (void *)word);
}

static void start_receiver(struct child *c, uint32_t endpoint, uint32_t reply)
{
    server_status = STATUS_COUNT;
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_RECEIVE, 0);
    child_give(c, CHILD_REPLY, reply, RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_run(c, PRIORITY_HIGH, receiver, NULL);
}

static void receiver_dies(void)
{
    struct child from, to;
    uint32_t e = make_endpoint(), dead_reply = make_reply(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&from, e, 1);
    unsigned wrong = 0;
    for (uint64_t i = 0; i < 3; i++) {
        start_receiver(&to, e, dead_reply);
        wrong += server_status != STATUS_OK;
        child_end(&to);
        wrong += child_state(&from) != THREAD_CALLS;
    }
    CHECK(wrong == 0, "death: three servers die with a call that they received; the caller waits");
    EXPECT(receive_call(e, r, &m, &badge), STATUS_OK, "death: the next server gets the call");
    CHECK(utcb()->deliveries == 3, "death: it sees that it was delivered three times before");
    CHECK(utcb()->sequence == 1, "death: with the same sequence number");
    CHECK(badge == 7 && m.tag == TAG(5, 6) && m.words[0] == 1 && utcb()->words[4] == 44 &&
              utcb()->words[5] == 55,
          "death: and the same badge and words");
    EXPECT(answer_call(dead_reply, 0), STATUS_STALE, "death: the dead servers' reply object answers nothing");
    EXPECT(answer_call(r, 99), STATUS_OK, "death: the caller is answered");
    CHECK(caller_status == STATUS_OK && caller_answer == 99, "death: and never knew");
}

static void redelivered_first(void)
{
    struct child first, second, to;
    uint32_t e = make_endpoint(), dead_reply = make_reply(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&first, e, 1);
    start_receiver(&to, e, dead_reply);
    start_caller(&second, e, 2);
    child_end(&to);
    EXPECT(receive_call(e, r, &m, &badge), STATUS_OK, "death: somebody called meanwhile");
    CHECK(m.words[0] == 1, "death: what was received before comes first");
}

static void waiting_receiver(void)
{
    struct child from, to, heir;
    uint32_t e = make_endpoint(), r1 = make_reply(), r2 = make_reply();
    start_caller(&from, e, 1);
    start_receiver(&to, e, r1);
    start_receiver(&heir, e, r2);
    CHECK(child_state(&heir) == THREAD_WAITS, "death: another server waits already");
    child_end(&to);
    CHECK(server_status == STATUS_OK, "death: it gets the call at once");
}

static void reply_dies(void)
{
    struct child from;
    uint32_t e = make_endpoint(), r1 = make_reply(), r2 = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&from, e, 1);
    EXPECT(receive_call(e, r1, &m, &badge), STATUS_OK, "death of a reply: it holds a call");
    EXPECT(sys_destroy(r1), STATUS_OK, "death of a reply: destroyed");
    EXPECT(receive_call(e, r2, &m, &badge), STATUS_OK, "death of a reply: the call is there again");
    CHECK(utcb()->deliveries == 1, "death of a reply: delivered once before");
    struct child waits;
    start_receiver(&waits, make_endpoint(), r1 = make_reply());
    settle();
    EXPECT(sys_destroy(r1), STATUS_OK, "death of a reply: somebody waits to receive into it");
    settle();
    EXPECT(server_status, STATUS_GONE, "death of a reply: that wait ends");
}

static void caller_dies(void)
{
    struct child from, queued;
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&from, e, 1);
    start_caller(&queued, e, 2);
    child_end(&queued);
    EXPECT(receive_call(e, r, &m, &badge), STATUS_OK, "death of a caller: the other one's call");
    EXPECT(sys_destroy(from.thread), STATUS_OK, "death of a caller: its thread is destroyed");
    EXPECT(answer_call(r, 0), STATUS_STALE, "death of a caller: the answer is stale");
    EXPECT(receive_call(e, r, &m, &badge), STATUS_TIMEOUT, "death of a caller: the queued one is gone");
}

static void endpoint_dies(void)
{
    struct child queued, waits;
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&queued, e, 1);
    EXPECT(sys_destroy(e), STATUS_OK, "death of an endpoint: with a queued caller");
    EXPECT(caller_status, STATUS_GONE, "death of an endpoint: its call ends");
    start_receiver(&waits, e = make_endpoint(), r);
    EXPECT(sys_destroy(e), STATUS_OK, "death of an endpoint: with a waiting server");
    EXPECT(server_status, STATUS_GONE, "death of an endpoint: that wait ends");
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, r, &m, &badge), STATUS_BAD_CAP,
           "death of an endpoint: no more waits");
}

// A call that somebody received outlives its endpoint until it would have to go back there.
static void endpoint_dies_first(void)
{
    struct child from, to;
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    start_caller(&from, e, 1);
    EXPECT(receive_call(e, r, &m, &badge), STATUS_OK, "death of an endpoint: its call was received");
    EXPECT(sys_destroy(e), STATUS_OK, "death of an endpoint: then it is destroyed");
    EXPECT(answer_call(r, 3), STATUS_OK, "death of an endpoint: the call can be answered");
    CHECK(caller_status == STATUS_OK && caller_answer == 3,
          "death of an endpoint: the caller gets the answer");
    start_caller(&from, e = make_endpoint(), 1);
    start_receiver(&to, e, r);
    EXPECT(sys_destroy(e), STATUS_OK, "death of an endpoint: then its server dies too");
    (void)make_endpoint(); // takes the dead one's memory
    child_end(&to);
    EXPECT(caller_status, STATUS_GONE, "death of an endpoint: nobody can answer any more");
}

const struct part death_parts[] = {{"receiver", receiver_dies},
                                   {"order", redelivered_first},
                                   {"heir", waiting_receiver},
                                   {"reply", reply_dies},
                                   {"caller", caller_dies},
                                   {"endpoint", endpoint_dies},
                                   {"endpoint with a received call", endpoint_dies_first},
                                   {0}};
