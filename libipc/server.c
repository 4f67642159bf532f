// The server loop.
// SPDX-License-Identifier: MIT
#include "libipc/server.h"

#include "libipc/log.h"
#include "libipc/runtime.h"
#include "libipc/start.h"
#include "libipc/status.h"
#include "libipc/thread.h"
#include "libipc/time.h"

// Callers with separate numbering: threads by their badge; vCPUs, of which several use one route, by number
// and route.
#define CALLER_THREAD      UINT64_C(0xffff)
#define CALLER(who, badge) ((uint64_t)(who) << 48 | ((badge)&UINT64_C(0xffffffffffff)))

MUST_CHECK enum status server_init(struct server *s)
{
    if (!s->reply_count || s->reply_count > SERVER_REPLIES_MAX)
        return STATUS_BAD_ARG;
    for (uint32_t i = 0; i < s->reply_count; i++) {
        enum status status = sys_create(OBJECT_REPLY, s->replies + i, self_process(), 0, 0, 0, 0);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static struct server_caller caller_of(const struct message_in *in)
{
    bool is_vcpu = TAG_LABEL(in->message.tag) == LABEL_ACCESS;
    uint64_t who = is_vcpu ? ACCESS_INFO_VCPU(in->message.words[ACCESS_INFO]) : CALLER_THREAD;
    return (struct server_caller){CALLER(who, in->badge), in->sequence};
}

void server_changed(struct server *s, const void *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < s->range_count; i++)
        if (s->ranges[i].from == from && s->ranges[i].bytes == bytes)
            return;
    if (s->range_count == SERVER_RANGES_MAX - 1) // one is the stored reply's
        die("a message changes more than %u ranges", SERVER_RANGES_MAX - 1);
    s->ranges[s->range_count++] = (struct state_range){from, bytes};
}

// Handlers name what they may have changed; what they did change is committed.
static void commit(struct server *s)
{
    enum state_status status = state_commit_changes(s->state, s->ranges, s->range_count);
    s->range_count = 0;
    if (status != STATE_OK)
        die("the state object refuses a commit (%u)", status);
}

void server_commit(struct server *s)
{
    if (!s->range_count)
        return;
    commit(s);
    if (s->publish)
        s->publish(s);
}

// The answer becomes true together with its effects. Longer answers cannot be stored, so they must be pure.
static void commit_answer(struct server *s, const struct server_caller *from, const struct message *answer)
{
    struct stored_reply *r = s->stored ? reply_find(s->stored, s->stored_count, from->caller) : NULL;
    if (r) {
        *r = (struct stored_reply){.caller = from->caller, .seq = from->sequence, .label = answer->tag};
        for (unsigned i = 0; i < MESSAGE_REGISTERS; i++)
            r->words[i] = answer->words[i];
        s->ranges[s->range_count++] = (struct state_range){r, sizeof *r};
    } else if (s->stored) {
        die("no room to store a reply to caller %llx", (unsigned long long)from->caller);
    }
    server_commit(s);
}

// Only what was delivered before can have been answered before.
static bool answered_before(const struct server *s, const struct message_in *in, struct message *answer)
{
    struct server_caller from = caller_of(in);
    const struct stored_reply *r = s->stored ? reply_find(s->stored, s->stored_count, from.caller) : NULL;
    if (!r || reply_seen(r, from.caller, from.sequence) != REPLY_AGAIN)
        return false;
    answer->tag = r->label;
    for (unsigned i = 0; i < MESSAGE_REGISTERS; i++)
        answer->words[i] = r->words[i];
    return true;
}

static const struct server_handler *handler_of(const struct server *s, uint32_t label)
{
    const struct server_handler *end = s->handlers + s->handler_count;
    for (const struct server_handler *h = s->handlers; h < end; h++)
        if (h->first <= label && label <= h->last)
            return h;
    return NULL;
}

// The guest's device errs in its own terms, as one that does not answer its bus. Nothing is stored: it will
// be failed again if this incarnation dies too.
static bool failed_before(const struct server *s, const struct message_in *in, struct message *answer)
{
    if (!s->tries || in->deliveries < s->tries || TAG_LABEL(in->message.tag) != LABEL_ACCESS)
        return false;
    log_error("a guest's access (route %llx, offset %llx) is failed: %u died of it",
              (unsigned long long)in->badge, (unsigned long long)in->message.words[ACCESS_OFFSET],
              in->deliveries);
    *answer = MESSAGE(STATUS_OK, UINT64_MAX);
    return true;
}

static enum reply_how handle(struct server *s, const struct message_in *in, struct message *answer)
{
    uint32_t label = TAG_LABEL(in->message.tag);
    const struct server_handler *h = handler_of(s, label);
    *answer = (struct message){0};
    if (!h) {
        log_warning("message %u from %llx is not understood", label, (unsigned long long)in->badge);
        answer->tag = TAG(STATUS_UNSUPPORTED, 0);
        return label == LABEL_PAGE_FAULT ? NO_REPLY : REPLY_NOW;
    }
    if (in->deliveries && (answered_before(s, in, answer) || failed_before(s, in, answer)))
        return REPLY_NOW;
    enum reply_how how = h->handle(s, in, answer);
    if (how == REPLY_LATER)
        s->callers[in->token] = caller_of(in);
    if (!s->range_count)
        return how;
    struct server_caller from = caller_of(in);
    if (how == REPLY_NOW)
        commit_answer(s, &from, answer);
    else
        server_commit(s);
    return how;
}

static void take_bits(struct server *s, uint64_t bits)
{
    if (!s->bits)
        return;
    s->bits(s, bits);
    server_commit(s);
}

static uint32_t free_reply(const struct server *s)
{
    uint64_t all = UINT64_MAX >> (SERVER_REPLIES_MAX - s->reply_count);
    uint64_t free = ~s->kept & all;
    return free ? (uint32_t)__builtin_ctzll(free) : SERVER_REPLIES_MAX;
}

// Answers without waiting. A bit that comes with it is kept for the loop.
static enum status answer_alone(const struct server *s, uint32_t token, struct message m)
{
    uint64_t badge;
    enum status status = sys_reply_wait(SLOT_NONE, WAIT_POLL, s->replies + token, SLOT_NONE, &m, &badge);
    if (status == STATUS_OK)
        thread_keep_bits(m.words[0]);
    return status == STATUS_TIMEOUT ? STATUS_OK : status;
}

MUST_CHECK enum status server_reply(struct server *s, uint32_t token, const struct message *answer)
{
    if (token >= s->reply_count || !server_keeps(s, token))
        return STATUS_STALE;
    if (s->range_count)
        commit_answer(s, &s->callers[token], answer);
    enum status status = answer_alone(s, token, *answer);
    if (status == STATUS_OK || status == STATUS_STALE)
        s->kept &= ~(UINT64_C(1) << token);
    return status;
}

static inline bool is_due(const struct server *s)
{
    return s->due_at && s->due_at <= now();
}

static void do_due(struct server *s)
{
    uint64_t bits = thread_take_bits();
    if (bits)
        take_bits(s, bits);
    if (is_due(s)) {
        s->due_at = 0;
        s->due(s);
        server_commit(s);
    }
}

// True: *answer is to be sent.
static bool message_came(struct server *s, struct message_in *in, struct message *answer)
{
    if (TAG_LABEL(in->message.tag) == LABEL_BITS) {
        take_bits(s, in->message.words[0]);
        return false;
    }
    in->sequence = utcb()->sequence;
    in->deliveries = utcb()->deliveries;
    enum reply_how how = handle(s, in, answer);
    if (how == REPLY_LATER)
        s->kept |= UINT64_C(1) << in->token;
    return how == REPLY_NOW;
}

static bool refused(struct server *s, bool answering, enum status why, struct message *answer)
{
    if (!answering || !s->refused)
        die("the kernel refuses %s: %s", answering ? "an answer" : "to wait", status_name(why));
    s->refused(s, why, answer);
    return true;
}

static enum status wait(const struct server *s, struct message_in *in)
{
    in->token = free_reply(s);
    bool receives = s->endpoint && in->token < SERVER_REPLIES_MAX;
    utcb()->deadline = s->due_at;
    return sys_reply_wait(receives ? s->endpoint : SLOT_NONE, s->due_at ? WAIT_DEADLINE : 0, SLOT_NONE,
                          receives ? s->replies + in->token : SLOT_NONE, &in->message, &in->badge);
}

// Whose call was answered, its reply object takes the next one.
static enum status answer_and_wait(const struct server *s, const struct message *answer,
                                   struct message_in *in)
{
    uint32_t reply = s->replies + in->token;
    struct message m = *answer;
    unsigned flags = 0;
    if (s->due_at) {
        utcb()->deadline = s->due_at;
        flags = WAIT_DEADLINE;
    }
    enum status status = sys_reply_wait(s->endpoint, flags, reply, reply, &m, &in->badge);
    in->message = m;
    return status;
}

enum status server_run(struct server *s)
{
    struct message_in in = {0};
    struct message answer = {0};
    bool answering = false;
    if (s->publish)
        s->publish(s);
    for (;;) {
        bool due = thread_area()->bits || is_due(s);
        if (due && !answering) {
            do_due(s);
            continue;
        }
        enum status status = due         ? answer_alone(s, in.token, answer)
                             : answering ? answer_and_wait(s, &answer, &in)
                                         : wait(s, &in);
        if (__builtin_expect(status == STATUS_OK, true)) {
            answering = !due && message_came(s, &in, &answer);
            continue;
        }
        switch (status) {
        case STATUS_TIMEOUT:
        case STATUS_STALE: answering = false; break; // STALE: the caller went away
        case STATUS_GONE:
        case STATUS_BAD_CAP: return status;
        default: answering = refused(s, answering, status, &answer);
        }
    }
}
