// Synchronous calls: sending, receiving, answering; and notifications, which a wait takes as well.
// SPDX-License-Identifier: MIT
//
// The message of a call stays with its caller (a thread's registers and UTCB, a vCPU's exit record) until it
// is answered, so that it can be delivered as often as servers die. A call is on its endpoint's queue
// (QUEUED) or in a receiver's list (RECEIVED); from there it is answered through a reply object, or goes back
// to the head of the queue with its receiver's death. Page faults alone are received without a reply object:
// SUPPLY settles them.
#include "kernel/call.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/switch.h"
#include "kernel/vm.h"
#include "libipc/abi/syscall.h"

// The words of a message behind those that travel in registers.
static void copy_rest(struct thread *to, const struct thread *from, uint64_t tag)
{
    uint64_t words = TAG_WORDS(tag);
    if (words > MESSAGE_REGISTERS)
        memcpy(to->utcb->words + MESSAGE_REGISTERS, from->utcb->words + MESSAGE_REGISTERS,
               (words - MESSAGE_REGISTERS) * sizeof(uint64_t));
}

static inline void copy_words(struct frame *to, const struct frame *from)
{
    to->rsi = from->rsi;
    to->rdx = from->rdx;
    to->r10 = from->r10;
    to->r8 = from->r8;
    to->r9 = from->r9;
}

static void copy_message(struct thread *to, const struct thread *from)
{
    copy_words(&to->frame, &from->frame);
    copy_rest(to, from, from->frame.rsi);
}

static void message_thread(const struct call *c, struct thread *to)
{
    copy_message(to, CONTAINER(c, struct thread, exec.call));
}

// What the kernel says, and what a vCPU does: four words in registers suffice for all but a thread's fault.
static void message_words(const struct call *c, struct thread *to)
{
    to->frame.rsi = c->tag;
    to->frame.rdx = c->words[0];
    to->frame.r10 = c->words[1];
    to->frame.r8 = c->words[2];
    to->frame.r9 = c->words[3];
    for (unsigned i = MESSAGE_REGISTERS; i < TAG_WORDS(c->tag); i++)
        to->utcb->words[i] = c->words[i];
}

static void (*const message[])(const struct call *, struct thread *) = {
    [CALL_MESSAGE] = message_thread, [CALL_FAULT] = message_words,  [CALL_PAGE_FAULT] = message_words,
    [CALL_EXIT] = vcpu_message_exit, [CALL_ACCESS] = message_words,
};

static inline void deliver(struct call *c, struct thread *to)
{
    receive_call(c, to, c->kind == CALL_PAGE_FAULT ? NULL : to->receive_into);
    message[c->kind](c, to);
}

void thread_wake(struct thread *t, enum status s)
{
    end_wait(t, s, t->receive_into);
    sched_ready(&t->exec, false);
}

bool call_start(struct exec *e, const struct capability *to, enum call_kind kind)
{
    return call_start_as(e, to, kind, message[kind]);
}

void call_cancel(struct call *c)
{
    if (c->state != CALL_NONE)
        end_call(c);
}

void call_fail(struct call *c)
{
    struct exec *e = CONTAINER(c, struct exec, call);
    enum call_kind kind = c->kind;
    call_cancel(c);
    list_remove(&e->fault);
    if (kind == CALL_MESSAGE) {
        CONTAINER(e, struct thread, exec)->frame.rax = STATUS_GONE;
        sched_ready(e, false);
    } else {
        exec_stop(e);
    }
}

void call_requeue(struct call *c)
{
    struct endpoint *to = (struct endpoint *)ref_get(c->endpoint);
    if (!to) {
        call_fail(c);
        return;
    }
    call_cancel(c);
    c->deliveries++;
    struct thread *t = hand_over(c, to, message[c->kind]);
    if (t)
        sched_ready(&t->exec, false);
    else
        list_prepend(&to->callers, &c->node);
}

static NOINLINE uint32_t start_message(struct thread *t, const struct capability *cap, uint64_t tag)
{
    if (TAG_WORDS(tag) > MESSAGE_WORDS_MAX || !call_start(&t->exec, cap, CALL_MESSAGE))
        return STATUS_BAD_ARG;
    return SYSCALL_DONE;
}

// The short way first: a server waits, it can run at once, and the message is in registers.
uint32_t sys_call(uint64_t slot, uint64_t tag)
{
    struct cpu *cpu = this_cpu();
    struct thread *t = CONTAINER(cpu->current, struct thread, exec);
    struct object *o;
    const struct capability *cap = cap_find(t->process, slot, OBJECT_ENDPOINT, RIGHT_SEND, &o);
    if (!cap)
        return cap_error(t->process, slot, OBJECT_ENDPOINT);
    struct endpoint *e = (struct endpoint *)o;
    struct thread *to = first_waiter(e);
    if (TAG_WORDS(tag) > MESSAGE_REGISTERS || list_empty(&e->waiters))
        return start_message(t, cap, tag);
    copy_words(&to->frame, &t->frame);
    sched_charge(cpu, &t->exec, rdtsc());
    int64_t left = switch_left(&to->exec);
    if (to->exec.suspended || left <= 0)
        return start_message(t, cap, tag);
    struct call *c = &t->exec.call;
    begin_call(c, cap, CALL_MESSAGE);
    struct reply *into = to->receive_into;
    if (!into)
        __builtin_unreachable(); // who waits on an endpoint has one
    end_wait(to, STATUS_OK, into);
    receive_call(c, to, into);
    t->exec.state = EXEC_CALLS;
    switch_threads(cpu, t, to, left);
    return SYSCALL_DONE;
}

// Answers with what is in the server's frame, if the call takes that. *next: who can run now, NULL when it
// does not.
static inline enum status answer(struct call *c, const struct thread *from, struct exec **next)
{
    struct exec *e = CONTAINER(c, struct exec, call);
    struct thread *to = CONTAINER(e, struct thread, exec);
    struct vcpu *v = CONTAINER(e, struct vcpu, exec);
    if (c->kind == CALL_EXIT)
        return vcpu_answer_exit(v, from, next);
    end_call(c);
    *next = e;
    if (c->kind == CALL_ACCESS) {
        *next = vcpu_answer_access(v, from->frame.rdx) ? e : NULL;
    } else if (c->kind == CALL_MESSAGE) {
        copy_message(to, from);
        to->frame.rax = STATUS_OK;
    }
    return STATUS_OK;
}

struct __attribute__((packed, may_alias)) wait_rax {
    uint8_t number, flags;
    uint16_t reply, receive;
};

struct wait {
    struct call *call; // to answer
    struct endpoint *endpoint;
    struct reply *into;
    uint32_t flags; // enum wait_flag
};

static enum status check_wait(const struct thread *t, uint64_t slot, uint64_t tag, struct wait *w)
{
    const struct wait_rax *rax = (const struct wait_rax *)&t->frame.rax;
    struct object *o;
    enum status s;
    if (TAG_WORDS(tag) > MESSAGE_WORDS_MAX || (rax->flags & ~(WAIT_DEADLINE | WAIT_POLL)))
        return STATUS_BAD_ARG;
    *w = (struct wait){.flags = rax->flags};
    if (rax->reply) {
        if ((s = cap_get(t->process, rax->reply, OBJECT_REPLY, RIGHT_SEND, &o, NULL)) != STATUS_OK)
            return s;
        w->call = ((struct reply *)o)->call;
        if (!w->call)
            return STATUS_STALE;
    }
    if (!slot)
        return STATUS_OK;
    if ((s = cap_get(t->process, slot, OBJECT_ENDPOINT, RIGHT_RECEIVE, &o, NULL)) != STATUS_OK)
        return s;
    w->endpoint = (struct endpoint *)o;
    if ((s = cap_get(t->process, rax->receive, OBJECT_REPLY, RIGHT_RECEIVE, &o, NULL)) != STATUS_OK)
        return s;
    w->into = (struct reply *)o;
    return w->into->waiter || (w->into->call && w->into->call != w->call) ? STATUS_BUSY : STATUS_OK;
}

static void give_bits(struct thread *t, struct notification *n)
{
    t->frame.rdi = 0;
    t->frame.rsi = TAG(LABEL_BITS, 1);
    t->frame.rdx = n->bits;
    n->bits = 0;
}

static bool take_bits(struct thread *t)
{
    struct notification *n = (struct notification *)ref_get(t->notification);
    t->signalled = false;
    if (!n || !n->bits)
        return false;
    give_bits(t, n);
    return true;
}

void notification_signal(struct notification *n, uint64_t bits)
{
    struct thread *t = (struct thread *)ref_get(n->thread);
    n->bits |= bits;
    if (!t || ref_get(t->notification) != &n->object)
        return;
    if (t->exec.state != EXEC_WAITS) {
        t->signalled = true;
        return;
    }
    give_bits(t, n);
    end_wait(t, STATUS_OK, t->receive_into);
    sched_ready(&t->exec, false);
}

uint64_t sys_signal(uint64_t slot)
{
    struct object *o;
    struct capability *cap;
    enum status s = cap_get(current_thread()->process, slot, OBJECT_NOTIFICATION, RIGHT_SEND, &o, &cap);
    if (s == STATUS_OK)
        notification_signal((struct notification *)o, cap->badge);
    return s;
}

static void wait_expired(struct timer *timer)
{
    struct thread *t = CONTAINER(timer, struct thread, exec.timer);
    thread_wake(t, STATUS_TIMEOUT);
}

static inline bool receive(struct thread *t, const struct wait *w)
{
    t->receive_into = w->into;
    t->waits++;
    if (t->signalled && take_bits(t))
        return true;
    if (!w->endpoint || list_empty(&w->endpoint->callers))
        return false;
    struct call *c = CONTAINER(w->endpoint->callers.next, struct call, node);
    list_unlink(&c->node);
    deliver(c, t);
    return true;
}

static inline void block(struct thread *t, const struct wait *w, struct exec *next)
{
    if (w->into)
        w->into->waiter = t;
    if (w->endpoint)
        list_append(&w->endpoint->waiters, &t->waiting);
    else
        list_init(&t->waiting);
    if (w->flags & WAIT_DEADLINE) {
        t->exec.timer.expire = wait_expired;
        timer_start(&t->exec.timer, t->utcb->deadline);
    }
    t->exec.state = EXEC_WAITS;
    if (next)
        sched_switch(next);
    else
        sched_block();
    t->cpu_time_at_wait = t->exec.cpu_time;
}

static inline uint32_t reply_wait(struct thread *t, const struct wait *w)
{
    struct exec *next = NULL;
    enum status s = w->call ? answer(w->call, t, &next) : STATUS_OK;
    if (s != STATUS_OK)
        return s;
    bool got = receive(t, w);
    if (!got && !(w->flags & WAIT_POLL)) {
        block(t, w, next);
        return SYSCALL_DONE;
    }
    if (next)
        sched_ready(next, false);
    t->cpu_time_at_wait = exec_cpu_time(&t->exec);
    return got ? STATUS_OK : STATUS_TIMEOUT;
}

static NOINLINE uint32_t check_and_reply_wait(struct thread *t, uint64_t slot, uint64_t tag)
{
    struct wait w;
    enum status s = check_wait(t, slot, tag, &w);
    return s == STATUS_OK ? reply_wait(t, &w) : s;
}

static NOINLINE uint32_t answer_and_wait(struct thread *t, struct endpoint *from, struct reply *reply)
{
    return reply_wait(t, &(struct wait){.call = reply->call, .endpoint = from, .into = reply});
}

// The short way first: a server answers a thread that can run at once, with words in registers and a reply
// object that it receives into again, and nothing is there for it.
uint32_t sys_reply_wait(uint64_t slot, uint64_t tag)
{
    struct cpu *cpu = this_cpu();
    struct thread *t = CONTAINER(cpu->current, struct thread, exec);
    const struct wait_rax *rax = (const struct wait_rax *)&t->frame.rax;
    struct object *r, *e;
    if (rax->flags || rax->receive != rax->reply || TAG_WORDS(tag) > MESSAGE_REGISTERS || t->signalled ||
        !cap_find(t->process, rax->reply, OBJECT_REPLY, RIGHT_SEND | RIGHT_RECEIVE, &r) ||
        !cap_find(t->process, slot, OBJECT_ENDPOINT, RIGHT_RECEIVE, &e))
        return check_and_reply_wait(t, slot, tag);
    struct reply *reply = (struct reply *)r;
    struct endpoint *from = (struct endpoint *)e;
    struct call *c = reply->call;
    if (!c)
        return STATUS_STALE;
    struct thread *to = CONTAINER(c, struct thread, exec.call);
    if (c->kind != CALL_MESSAGE || !list_empty(&from->callers) || t->received.next != &c->node ||
        t->received.previous != &c->node || !most_urgent(cpu, to->exec.effective))
        return answer_and_wait(t, from, reply);
    sched_charge(cpu, &t->exec, rdtsc());
    t->cpu_time_at_wait = t->exec.cpu_time;
    int64_t left = switch_left(&to->exec);
    if (to->exec.suspended || left <= 0)
        return answer_and_wait(t, from, reply);
    copy_words(&to->frame, &t->frame);
    to->frame.rax = STATUS_OK;
    list_init(&t->received);
    c->state = CALL_NONE;
    reply->call = NULL;
    reply->waiter = t;
    t->receive_into = reply;
    t->exec.effective = t->exec.priority;
    list_append(&from->waiters, &t->waiting);
    t->exec.state = EXEC_WAITS;
    t->waits++;
    switch_threads(cpu, t, to, left);
    return SYSCALL_DONE;
}
