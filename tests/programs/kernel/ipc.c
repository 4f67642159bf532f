// Calls and answers.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/time.h"
#include "tests/programs/kernel/topics.h"

enum { CHILD_ENDPOINT = 1, CHILD_REPLY = 2 };

// What children find; set before they start.
static volatile struct {
    struct message m;
    enum status status;
    uint64_t badge, count, last[2];
} seen;

static void caller(void *argument)
{
    struct message m = {TAG(77, 4), {(uintptr_t)argument, 2, 3, 4}};
    seen.status = sys_call(CHILD_ENDPOINT, &m);
    seen.m = m;
    seen.last[(uintptr_t)argument & 1] = ++seen.count;
}

// Answers every call with its words, the first plus one.
static void server(void *argument)
{
    struct message m = {0};
    uint64_t badge;
    uint32_t reply = SLOT_NONE;
    (void)argument;
    while (sys_reply_wait(CHILD_ENDPOINT, 0, reply, CHILD_REPLY, &m, &badge) == STATUS_OK) {
        seen.badge = badge;
        m.words[0]++;
        reply = CHILD_REPLY;
    }
}

static uint32_t start_server(struct child *c, unsigned priority)
{
    uint32_t endpoint = make_endpoint();
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_RECEIVE, 0);
    child_give(c, CHILD_REPLY, make_reply(), RIGHT_SEND | RIGHT_RECEIVE, 0);
    child_run(c, priority, server, NULL);
    return endpoint;
}

static void start_caller(struct child *c, uint32_t endpoint, uint64_t badge, uintptr_t word)
{
    child_make(c, SLOT_NONE);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_SEND, badge);
    seen.status = STATUS_COUNT;
    child_run(c, PRIORITY_HIGH, caller, (void *)word);
}

static void wrong_calls(void)
{
    uint32_t e = make_endpoint(), deaf = make_copy(e, RIGHT_RECEIVE, 0);
    struct message m = MESSAGE(1, 2);
    EXPECT(sys_call(SLOT_NONE, &m), STATUS_BAD_CAP, "call: slot 0");
    EXPECT(sys_call(EMPTY_SLOT, &m), STATUS_BAD_CAP, "call: an empty slot");
    EXPECT(sys_call(make_notification(), &m), STATUS_BAD_CAP, "call: something that is no endpoint");
    EXPECT(sys_call(deaf, &m), STATUS_NO_RIGHT, "call: without SEND");
    m.tag = TAG(1, MESSAGE_WORDS_MAX + 1);
    EXPECT(sys_call(e, &m), STATUS_BAD_ARG, "call: more words than a message has");
    EXPECT(sys_destroy(e), STATUS_OK, "call: the endpoint dies");
    m = MESSAGE(1, 2);
    EXPECT(sys_call(e, &m), STATUS_BAD_CAP, "call: a dead capability");
}

static void wrong_waits(void)
{
    uint32_t e = make_endpoint(), r = make_reply(), mute = make_copy(e, RIGHT_SEND, 0);
    struct message m = {0};
    uint64_t badge;
    EXPECT(sys_reply_wait(EMPTY_SLOT, WAIT_POLL, 0, r, &m, &badge), STATUS_BAD_CAP, "wait: an empty slot");
    EXPECT(sys_reply_wait(r, WAIT_POLL, 0, r, &m, &badge), STATUS_BAD_CAP,
           "wait: on something that is no endpoint");
    EXPECT(sys_reply_wait(mute, WAIT_POLL, 0, r, &m, &badge), STATUS_NO_RIGHT, "wait: without RECEIVE");
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, SLOT_NONE, &m, &badge), STATUS_BAD_CAP,
           "wait: nothing to receive into");
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, e, &m, &badge), STATUS_BAD_CAP,
           "wait: to receive into an endpoint");
    EXPECT(sys_reply_wait(e, WAIT_POLL, EMPTY_SLOT, r, &m, &badge), STATUS_BAD_CAP,
           "wait: answer by an empty slot");
    EXPECT(sys_reply_wait(e, WAIT_POLL, r, r, &m, &badge), STATUS_STALE, "wait: answer when nobody called");
    EXPECT(sys_reply_wait(e, 4 | WAIT_POLL, 0, r, &m, &badge), STATUS_BAD_ARG, "wait: an unknown flag");
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, r, &m, &badge), STATUS_TIMEOUT, "wait: nobody calls");
    uint32_t one_way = make_copy(r, RIGHT_SEND, 0);
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, one_way, &m, &badge), STATUS_NO_RIGHT,
           "wait: a reply without RECEIVE");
}

static void round_trip(void)
{
    struct child c;
    uint32_t e = start_server(&c, PRIORITY_HIGH), badged = make_copy(e, RIGHT_SEND, 0xb0b);
    struct message m = {TAG(0x12345, 4), {1, 20, 300, UINT64_MAX}};
    EXPECT(sys_call(badged, &m), STATUS_OK, "call: answered by another process");
    CHECK(m.tag == TAG(0x12345, 4) && m.words[0] == 2 && m.words[1] == 20 && m.words[2] == 300 &&
              m.words[3] == UINT64_MAX,
          "call: tag and four words go there and back");
    CHECK(seen.badge == 0xb0b, "call: the receiver sees the badge of the capability used");
    unsigned wrong = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        m = MESSAGE(9, i);
        wrong += sys_call(e, &m) != STATUS_OK || m.words[0] != i + 1;
    }
    CHECK(wrong == 0, "call: a thousand times");
}

static void long_messages(void)
{
    struct child c;
    uint32_t e = start_server(&c, PRIORITY_LOW);
    uint64_t *words = utcb()->words;
    for (unsigned i = 0; i < MESSAGE_WORDS_MAX; i++)
        words[i] = i * 3;
    struct message m = {TAG(1, MESSAGE_WORDS_MAX), {7}};
    EXPECT(sys_call(e, &m), STATUS_OK, "call: 128 words, to a server of lower priority");
    unsigned wrong = 0;
    for (unsigned i = MESSAGE_REGISTERS; i < MESSAGE_WORDS_MAX; i++)
        wrong += words[i] != i * 3;
    CHECK(wrong == 0 && m.words[0] == 8, "call: all words came back");
    for (unsigned i = 0; i < MESSAGE_WORDS_MAX; i++)
        words[i] = 0xdead;
    m = (struct message){TAG(1, 6), {7}};
    EXPECT(sys_call(e, &m), STATUS_OK, "call: six words");
    CHECK(words[4] == 0xdead && words[5] == 0xdead && words[6] == 0xdead,
          "call: no more words than the tag says");
}

static void receiving(void)
{
    struct child a, b;
    uint32_t e = make_endpoint(), first = make_reply(), second = make_reply();
    struct message m = {0};
    uint64_t badge;
    seen.count = 0;
    start_caller(&a, e, 10, 0);
    start_caller(&b, e, 11, 1);
    CHECK(child_state(&a) == THREAD_CALLS && seen.status == STATUS_COUNT,
          "call: without a receiver the caller waits");
    EXPECT(receive_call(e, first, &m, &badge), STATUS_OK, "wait: the first caller's message");
    CHECK(badge == 10 && m.tag == TAG(77, 4) && m.words[0] == 0 && m.words[1] == 2 && m.words[2] == 3 &&
              m.words[3] == 4,
          "wait: its badge, tag and words");
    CHECK(utcb()->sequence == 1 && utcb()->deliveries == 0,
          "wait: sequence number 1, never delivered before");
    EXPECT(sys_reply_wait(e, WAIT_POLL, 0, first, &m, &badge), STATUS_BUSY,
           "wait: into a reply that holds a call");
    EXPECT(receive_call(e, second, &m, &badge), STATUS_OK, "wait: the second caller's message");
    CHECK(badge == 11, "wait: callers come in turn");
    EXPECT(answer_call(second, 5), STATUS_OK, "answer: the second one first");
    settle();
    CHECK(seen.status == STATUS_OK && seen.m.words[0] == 5, "answer: the caller got it");
    EXPECT(answer_call(second, 5), STATUS_STALE, "answer: twice");
    m.tag = TAG(0, MESSAGE_WORDS_MAX + 1);
    EXPECT(sys_reply_wait(SLOT_NONE, WAIT_POLL, first, SLOT_NONE, &m, &badge), STATUS_BAD_ARG,
           "answer: more words than a message has");
    m.tag = TAG(0, 1);
    EXPECT(sys_reply_wait(e, WAIT_POLL, first, EMPTY_SLOT, &m, &badge), STATUS_BAD_CAP,
           "answer and wait: nothing to receive into");
    settle();
    CHECK(child_state(&a) == THREAD_CALLS, "answer and wait: a failed one answers nothing");
    EXPECT(answer_call(first, 6), STATUS_OK, "answer: the first one");
    settle();
    CHECK(seen.last[0] > seen.last[1] && seen.count == 2, "answer: in any order");
}

static void deadlines(void)
{
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge, before = now();
    utcb()->deadline = before + ticks_from_ns(2 * NS_PER_MS);
    EXPECT(sys_reply_wait(e, WAIT_DEADLINE, 0, r, &m, &badge), STATUS_TIMEOUT, "wait: until a deadline");
    CHECK(now() >= before + ticks_from_ns(2 * NS_PER_MS), "wait: not shorter than that");
    utcb()->deadline = before;
    EXPECT(sys_reply_wait(e, WAIT_DEADLINE, 0, r, &m, &badge), STATUS_TIMEOUT,
           "wait: a deadline that has passed");
    utcb()->deadline = 0;
    EXPECT(sys_reply_wait(SLOT_NONE, WAIT_DEADLINE, 0, SLOT_NONE, &m, &badge), STATUS_TIMEOUT,
           "wait: for nothing, till deadline 0");
    struct child c;
    start_caller(&c, e, 1, 0);
    utcb()->deadline = UINT64_MAX;
    EXPECT(sys_reply_wait(e, WAIT_DEADLINE, 0, r, &m, &badge), STATUS_OK,
           "wait: a message comes before the deadline");
    EXPECT(sys_reply_wait(e, WAIT_POLL | WAIT_DEADLINE, r, r, &m, &badge), STATUS_TIMEOUT,
           "wait: answer, and poll");
    CHECK(seen.status == STATUS_OK, "wait: the answer went out although no message came");
}

// A message's numbers: one more each call, whatever endpoint it goes to.
static void sequences(void)
{
    struct child a;
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge, wrong = 0;
    child_make(&a, SLOT_NONE);
    child_give(&a, CHILD_ENDPOINT, e, RIGHT_SEND, 1);
    for (uint64_t i = 1; i <= 3; i++) {
        child_run(&a, PRIORITY_HIGH, caller, NULL);
        wrong += receive_call(e, r, &m, &badge) != STATUS_OK || utcb()->sequence != 1;
        wrong += answer_call(r, 0) != STATUS_OK;
    }
    CHECK(wrong == 0, "call: each thread counts its own calls");
}

static struct info_endpoint endpoint_info(uint32_t endpoint)
{
    struct info_endpoint none = {0};
    return sys_info(endpoint, INFO_OBJECT) == STATUS_OK ? *(struct info_endpoint *)(void *)utcb()->words
                                                        : none;
}

// What a supervisor sees of a call: who waits where, and what a server has on its hands.
static void information(void)
{
    struct child c;
    uint32_t e = make_endpoint(), r = make_reply();
    struct message m = {0};
    uint64_t badge;
    const struct info_thread *t = (const struct info_thread *)(const void *)utcb()->words;
    start_caller(&c, e, 10, 0);
    struct info_endpoint i = endpoint_info(e);
    CHECK(i.number != 0 && i.queued == 1, "info: an endpoint's number, and that a call is queued");
    EXPECT(sys_info(c.thread, INFO_OBJECT), STATUS_OK, "info: its caller");
    CHECK(t->state == THREAD_CALLS && t->blocked_on == i.number && t->blocked_badge == 10,
          "info: waits there");
    EXPECT(receive_call(e, r, &m, &badge), STATUS_OK, "info: the call is received");
    CHECK(endpoint_info(e).queued == 0, "info: it is queued no more");
    EXPECT(sys_info(SELF_THREAD, INFO_OBJECT), STATUS_OK, "info: its receiver");
    CHECK(t->unanswered == 1 && t->handled_badge == 10 && t->handled_sequence == 1 &&
              t->handled_deliveries == 0,
          "info: has it on its hands");
    EXPECT(answer_call(r, 0), STATUS_OK, "info: answers");
    EXPECT(sys_info(SELF_THREAD, INFO_OBJECT), STATUS_OK, "info: its receiver");
    CHECK(t->unanswered == 0, "info: has nothing on its hands");
    settle();
    EXPECT(sys_info(c.thread, INFO_OBJECT), STATUS_OK, "info: its caller");
    CHECK(t->blocked_on == 0 && t->syscalls == 2, "info: waits no more, made two system calls");
}

const struct part ipc_parts[] = {
    {"wrong calls", wrong_calls},     {"wrong waits", wrong_waits}, {"round trip", round_trip},
    {"long messages", long_messages}, {"receiving", receiving},     {"deadlines", deadlines},
    {"sequences", sequences},         {"information", information}, {0}};
