// Rendezvous: endpoints, reply objects, notifications.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "kernel/thread.h"

struct endpoint {
    struct object object;
    struct node callers; // struct call, queued
    struct node waiters; // struct thread, in REPLY_WAIT
};

static inline struct thread *first_waiter(const struct endpoint *e)
{
    return CONTAINER(e->waiters.next, struct thread, waiting);
}

struct reply {
    struct object object;
    struct call *call;     // that it can answer
    struct thread *waiter; // who will receive into it
};

struct notification {
    struct object object;
    uint64_t bits;
    struct ref thread; // bound
};

// Begins a call of e: delivers it to a waiter or queues it. e is the current exec or one that does not run.
// False: the endpoint is gone, nothing has changed.
bool call_start(struct exec *e, const struct capability *to, enum call_kind kind) MUST_CHECK;

// Ends it without an answer; nobody is woken.
void call_cancel(struct call *c);

// Nobody will answer: a thread's call returns with GONE, others stop.
void call_fail(struct call *c);

// Puts a received call back at the head of its endpoint: its receiver died.
void call_requeue(struct call *c);

// Sets bits; wakes a waiter.
void notification_signal(struct notification *n, uint64_t bits);

// What a wait is woken with when no message came.
void thread_wake(struct thread *t, enum status s);

// Both: the words are in the frame.
uint32_t sys_call(uint64_t slot, uint64_t tag);
uint32_t sys_reply_wait(uint64_t slot, uint64_t tag);
uint64_t sys_signal(uint64_t slot);
