// The server loop: in a process of its own that dies between commit and answer.
// SPDX-License-Identifier: MIT
#include "libipc/server.h"

#include <string.h>

#include "libipc/thread.h"
#include "libipc/time.h"
#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"
#include "tests/programs/runtime/parts.h"

enum {
    CHILD_ENDPOINT = 3,
    CHILD_NOTIFICATION = 4,
    CHILD_REPLIES = 8,
    REPLIES = 2,
    STATE_KIND = 9,
    STORED = 4
};
enum { LABEL_ADD = LABEL_PROTOCOLS, LABEL_KEEP, LABEL_RELEASE, LABEL_READ, LABEL_LAST = LABEL_READ };

// What lives in the state object.
struct account {
    uint64_t sum, publications;
};

static uint8_t object[65536] __attribute__((aligned(STATE_ALIGN)));
static volatile enum start_kind start_kind;
static volatile bool die_at_publication, dead;
static volatile uint64_t bits_seen, due_count, kept_token, handled;
static volatile uint64_t next_due;

static struct account *account_of(const struct server *s)
{
    return state_section(s->state, 1);
}

static enum reply_how add(struct server *s, const struct message_in *in, struct message *answer)
{
    struct account *a = account_of(s);
    handled++;
    a->sum += in->message.words[0];
    server_changed(s, &a->sum, sizeof a->sum);
    *answer = MESSAGE(STATUS_OK, a->sum, in->badge);
    return REPLY_NOW;
}

static enum reply_how keep(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s, (void)answer;
    kept_token = in->token;
    return REPLY_LATER;
}

static enum reply_how release(struct server *s, const struct message_in *in, struct message *answer)
{
    struct message late = MESSAGE(STATUS_OK, in->message.words[0]);
    answer->tag = TAG(server_reply(s, (uint32_t)kept_token, &late), 0);
    return REPLY_NOW;
}

static enum reply_how read(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)in;
    *answer = MESSAGE(STATUS_OK, account_of(s)->sum);
    return REPLY_NOW;
}

static void bits(struct server *s, uint64_t which)
{
    s->due_at = next_due;
    bits_seen |= which;
}

static void due(struct server *s)
{
    (void)s;
    due_count++;
}

static void publish(struct server *s)
{
    (void)s;
    if (!die_at_publication)
        return;
    dead = true;
    for (;;)
        thread_sleep(UINT64_MAX);
}

static void serve(void *unused)
{
    static const struct state_section sections[] = {{1, sizeof(struct account)},
                                                    {2, STORED * sizeof(struct stored_reply)}};
    static const struct state_layout layout = {
        .kind = STATE_KIND, .version = 1, .log_bytes = 8192, .count = 2, .sections = sections};
    static const struct server_handler handlers[] = {{LABEL_ADD, LABEL_ADD, add},
                                                     {LABEL_KEEP, LABEL_KEEP, keep},
                                                     {LABEL_RELEASE, LABEL_RELEASE, release},
                                                     {LABEL_READ, LABEL_READ, read}};
    static struct state state;
    static struct server s;
    (void)unused;
    enum state_status opened = state_open(&state, object, sizeof object, &layout, start_kind);
    if (opened == STATE_EMPTY)
        state_adopt(&state);
    s = (struct server){.endpoint = CHILD_ENDPOINT,
                        .replies = CHILD_REPLIES,
                        .reply_count = REPLIES,
                        .handlers = handlers,
                        .handler_count = sizeof handlers / sizeof *handlers,
                        .bits = bits,
                        .due = due,
                        .publish = publish,
                        .state = &state,
                        .stored = state_section(&state, 2),
                        .stored_count = STORED};
    if (server_init(&s) == STATUS_OK)
        (void)server_run(&s);
}

static void start_server(struct child *c, uint32_t endpoint, uint32_t notification, enum start_kind kind)
{
    start_kind = kind;
    child_make(c, SLOT_NONE);
    child_give(c, SELF, c->process, RIGHT_ALL, 0);
    child_give(c, CHILD_ENDPOINT, endpoint, RIGHT_RECEIVE, 0);
    child_thread(c, PRIORITY_HIGH, serve, NULL);
    if (sys_thread_ctl(c->thread, THREAD_BIND, notification) != STATUS_OK ||
        sys_thread_ctl(c->thread, THREAD_RESUME, 0) != STATUS_OK)
        tap_bail_out("the server does not start");
}

static volatile struct {
    struct message m;
    enum status status;
} called;

static void caller(void *label)
{
    struct message m = {TAG((uintptr_t)label, 1), {5}};
    called.status = STATUS_COUNT;
    called.status = sys_call(CHILD_ENDPOINT, &m);
    called.m = m;
}

static void start_caller(uint32_t endpoint, uint64_t badge, uintptr_t label)
{
    struct child c;
    child_make(&c, SLOT_NONE);
    child_give(&c, CHILD_ENDPOINT, endpoint, RIGHT_SEND, badge);
    child_run(&c, PRIORITY_HIGH, caller, (void *)label);
}

static void plain(uint32_t endpoint, uint32_t signal)
{
    struct message m = MESSAGE(LABEL_ADD, 7);
    EXPECT(sys_call(make_copy(endpoint, RIGHT_SEND, 3), &m), STATUS_OK, "server: a handler answers");
    CHECK(TAG_LABEL(m.tag) == STATUS_OK && m.words[0] == 7 && m.words[1] == 3, "server: with its words");
    m = MESSAGE(LABEL_LAST + 100, 1);
    EXPECT(sys_call(endpoint, &m), STATUS_OK, "server: a label that it does not know");
    CHECK(TAG_LABEL(m.tag) == STATUS_UNSUPPORTED, "server: is answered with UNSUPPORTED");
    EXPECT(sys_signal(signal), STATUS_OK, "server: bits");
    CHECK(bits_seen == 32, "server: come to their handler");
    next_due = deadline_in(NS_PER_MS);
    EXPECT(sys_signal(signal), STATUS_OK, "server: wakes up and learns of a deadline");
    thread_sleep(next_due + ticks_from_ns(NS_PER_MS));
    settle();
    CHECK(due_count == 1, "server: what is due is done");
}

static void later(uint32_t endpoint)
{
    struct message m = MESSAGE(LABEL_READ, 0);
    start_caller(endpoint, 11, LABEL_KEEP);
    CHECK(called.status == STATUS_COUNT, "server: an answer that has to wait");
    EXPECT(sys_call(endpoint, &m), STATUS_OK, "server: answers others meanwhile");
    m = MESSAGE(LABEL_RELEASE, 123);
    EXPECT(sys_call(endpoint, &m), STATUS_OK, "server: then answers the first");
    CHECK(TAG_LABEL(m.tag) == STATUS_OK && called.status == STATUS_OK && called.m.words[0] == 123,
          "server: who gets it late");
    m = MESSAGE(LABEL_RELEASE, 1);
    EXPECT(sys_call(endpoint, &m), STATUS_OK, "server: to answer it twice");
    CHECK(TAG_LABEL(m.tag) == STATUS_STALE, "server: is stale");
}

// It commits, then dies before the answer; the next incarnation answers what was committed and adds nothing.
static void killed(struct child *c, uint32_t endpoint, uint32_t notification)
{
    struct message m = MESSAGE(LABEL_READ, 0);
    uint64_t before = handled;
    die_at_publication = true;
    dead = false;
    start_caller(endpoint, 12, LABEL_ADD);
    settle();
    CHECK(dead && called.status == STATUS_COUNT && handled == before + 1,
          "server: stuck between commit and answer");
    child_end(c);
    die_at_publication = false;
    start_server(c, endpoint, notification, START_RESTART);
    settle();
    CHECK(called.status == STATUS_OK && called.m.words[0] == 12 && called.m.words[1] == 12,
          "server: killed; the next one gives the answer that was committed");
    CHECK(handled == before + 1, "server: without handling the message again");
    EXPECT(sys_call(endpoint, &m), STATUS_OK, "server: the sum");
    CHECK(m.words[0] == 12, "server: has it once");
    start_caller(endpoint, 12, LABEL_ADD);
    settle();
    CHECK(called.status == STATUS_OK && called.m.words[0] == 17, "server: a new message is handled");
}

void test_server(void)
{
    struct child c;
    uint32_t endpoint = make_endpoint(), n = make_notification(), signal = make_copy(n, RIGHT_SEND, 32);
    start_server(&c, endpoint, n, START_FRESH);
    plain(endpoint, signal);
    later(endpoint);
    killed(&c, endpoint, n);
    slate_wipe();
}
