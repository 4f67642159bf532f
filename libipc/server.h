// The server loop: a server is a table of handlers.
// SPDX-License-Identifier: MIT
//
// One order: a handler computes in the working copy of the state object and says what it changed
// (server_changed), the loop commits this together with the stored reply in one record, then calls publish,
// then answers. Nothing changed: nothing is committed, the answer is pure. A message that was delivered
// before and answered by a dead incarnation is answered again from the stored reply, without a handler; so is
// nothing done twice. Publishing is repeated at every start.
//
// Calls that cannot be answered yet (REPLY_LATER) keep their reply object; when all are kept, the loop takes
// no more calls until one is answered.
#pragma once

#include <stdbool.h>

#include "libipc/replies.h"
#include "libipc/state.h"
#include "libipc/syscall.h"

enum { SERVER_REPLIES_MAX = 64, SERVER_RANGES_MAX = 24, SERVER_TRIES = 3 };

enum reply_how {
    REPLY_NOW,   // with what the handler left in its answer
    REPLY_LATER, // by server_reply()
    NO_REPLY     // a page fault: answered by SUPPLY
};

struct message_in {
    struct message message; // words beyond MESSAGE_REGISTERS: utcb()->words
    uint64_t badge;
    uint64_t sequence;
    uint32_t deliveries; // how often it was delivered before
    uint32_t token;      // names it to server_reply()
};

struct server;

struct server_handler {
    uint32_t first, last; // labels
    // *answer comes as an empty message with label STATUS_OK.
    enum reply_how (*handle)(struct server *s, const struct message_in *in, struct message *answer);
};

struct server {
    uint32_t endpoint; // slot; SLOT_NONE: no calls come
    uint32_t replies;  // slots of the reply objects: this and the next reply_count - 1
    uint32_t reply_count;
    uint32_t handler_count;
    const struct server_handler *handlers; // a label that none has is answered with STATUS_UNSUPPORTED

    // All may be left out. bits: of the notification bound to the thread. due: called once at the TSC tick
    // due_at, which anybody may set; 0: never. They commit and publish as handlers do.
    void (*bits)(struct server *s, uint64_t bits);
    void (*due)(struct server *s);
    uint64_t due_at;
    void (*publish)(struct server *s);
    // The kernel refuses an answer (a vCPU's state that cannot be): puts another one into *answer, or ends
    // the process, which is also what happens without it.
    void (*refused)(struct server *s, enum status why, struct message *answer);

    // A guest's access that so many incarnations received and did not live to answer is failed: a read gives
    // all ones, a write is lost, and the server goes on. 0: never, for who keeps accesses (REPLY_LATER).
    uint32_t tries;

    // What is to survive; stored lies in a section of the state. NULL: nothing is.
    struct state *state;
    struct stored_reply *stored;
    uint32_t stored_count;

    // The loop's own.
    uint32_t range_count;
    uint64_t kept; // a bit a reply object: its call is to be answered later
    struct state_range ranges[SERVER_RANGES_MAX];
    struct server_caller {
        uint64_t caller, sequence;
    } callers[SERVER_REPLIES_MAX]; // by reply object
};

// Creates the reply objects in their slots, paid by the own process.
MUST_CHECK enum status server_init(struct server *s);

// Never returns but with STATUS_GONE, when the endpoint was destroyed.
enum status server_run(struct server *s);

// The handler changed these bytes of the state's working copy.
void server_changed(struct server *s, const void *from, uint32_t bytes);

// Commits what was changed so far and publishes it, with no answer yet.
void server_commit(struct server *s);

// Answers a call that was kept. STATUS_STALE when its caller is gone, STATUS_BAD_ARG when the kernel refuses
// it.
MUST_CHECK enum status server_reply(struct server *s, uint32_t token, const struct message *answer);

// Is the call still to be answered?
static inline bool server_keeps(const struct server *s, uint32_t token)
{
    return s->kept >> token & 1;
}
