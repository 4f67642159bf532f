// How a call begins, reaches its receiver and ends; inline, because every exit of a guest comes this way.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/endpoint.h"
#include "kernel/sched.h"

// A waiting thread goes on with what is in its frame.
static inline void end_wait(struct thread *t, enum status s, struct reply *into)
{
    list_unlink(&t->waiting);
    if (into)
        into->waiter = NULL;
    timer_cancel(&t->exec.timer);
    t->frame.rax = s;
}

static inline void begin_call(struct call *c, const struct capability *to, enum call_kind kind)
{
    c->endpoint = to->ref;
    c->badge = to->badge;
    c->kind = (uint8_t)kind;
    c->deliveries = 0;
    c->sequence++;
}

// A call becomes `to`'s, which is in no ready queue; its words are not here.
static inline void receive_call(struct call *c, struct thread *to, struct reply *into)
{
    to->frame.rdi = c->badge;
    to->utcb->sequence = c->sequence;
    to->utcb->deliveries = c->deliveries;
    to->messages++;
    c->state = CALL_RECEIVED;
    c->receiver = to;
    list_append(&to->received, &c->node);
    c->reply = into;
    if (into)
        into->call = c;
    uint8_t priority = CONTAINER(c, struct exec, call)->effective;
    if (priority > to->exec.effective)
        to->exec.effective = priority;
}

// To a thread that waits, which is in no ready queue yet; NULL: it is queued.
static ALWAYS_INLINE struct thread *hand_over(struct call *c, struct endpoint *to,
                                              void (*message)(const struct call *, struct thread *))
{
    if (list_empty(&to->waiters)) {
        c->state = CALL_QUEUED;
        return NULL;
    }
    struct thread *t = first_waiter(to);
    struct reply *into = t->receive_into;
    end_wait(t, STATUS_OK, into);
    receive_call(c, t, c->kind == CALL_PAGE_FAULT ? NULL : into);
    message(c, t);
    return t;
}

// call_start(), for callers that know the kind when they are compiled.
static ALWAYS_INLINE bool call_start_as(struct exec *e, const struct capability *cap, enum call_kind kind,
                                        void (*message)(const struct call *, struct thread *))
{
    struct endpoint *to = (struct endpoint *)ref_get(cap->ref);
    struct call *c = &e->call;
    bool running = this_cpu()->current == e;
    if (!to)
        return false;
    begin_call(c, cap, kind);
    e->state = EXEC_CALLS;
    struct thread *t = hand_over(c, to, message);
    if (!t)
        list_append(&to->callers, &c->node);
    if (t && running)
        sched_switch(&t->exec);
    else if (t)
        sched_ready(&t->exec, false);
    else if (running)
        sched_block();
    return true;
}

// A thread's priority: its own or that of its most urgent caller.
static inline uint8_t served_priority(const struct thread *t)
{
    uint8_t p = t->exec.priority;
    if (t->exec.effective == p)
        return p;
    for (const struct node *n = t->received.next; n != &t->received; n = n->next) {
        const struct exec *e = CONTAINER(n, struct exec, call.node);
        p = e->effective > p ? e->effective : p;
    }
    return p;
}

static inline void end_call(struct call *c)
{
    list_unlink(&c->node);
    if (c->state == CALL_RECEIVED) {
        if (c->reply)
            c->reply->call = NULL;
        uint8_t priority = served_priority(c->receiver);
        if (priority != c->receiver->exec.effective)
            sched_set_effective(&c->receiver->exec, priority);
    }
    c->state = CALL_NONE;
}
