// Synchronous calls: sending, receiving, answering.
// SPDX-License-Identifier: MIT
//
// The message of a call stays with its caller (a thread's registers and UTCB, a vCPU's exit record) until it
// is answered, so that it can be delivered as often as servers die. A call is on its endpoint's queue
// (QUEUED) or in a receiver's list (RECEIVED); from there it is answered through a reply object, or goes back
// to the head of the queue with its receiver's death. Page faults alone are received without a reply object:
// SUPPLY settles them.
#include "kernel/endpoint.h"
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

static inline void put_words(struct frame *f, uint64_t tag, uint64_t w0, uint64_t w1, uint64_t w2,
                             uint64_t w3)
{
    f->rsi = tag;
    f->rdx = w0;
    f->r10 = w1;
    f->r8 = w2;
    f->r9 = w3;
}

static void copy_message(struct thread *to, const struct thread *from)
{
    const struct frame *f = &from->frame;
    put_words(&to->frame, f->rsi, f->rdx, f->r10, f->r8, f->r9);
    copy_rest(to, from, f->rsi);
}

static void message_thread(const struct call *c, struct thread *to)
{
    copy_message(to, CONTAINER(c, struct thread, exec.call));
}

static void message_fault(const struct call *c, struct thread *to)
{
    const struct fault_message *f = &CONTAINER(c, struct thread, exec.call)->fault;
    to->frame.rsi = TAG(LABEL_FAULT, sizeof *f / sizeof(uint64_t));
    to->frame.rdx = f->kind;
    to->frame.r10 = f->code;
    to->frame.r8 = f->address;
    to->frame.r9 = f->rip;
    to->utcb->words[4] = f->rsp;
    to->utcb->words[5] = f->rbp;
}

static void message_page_fault(const struct call *c, struct thread *to)
{
    const struct exec *from = CONTAINER(c, struct exec, call);
    to->frame.rsi = TAG(LABEL_PAGE_FAULT, PAGE_FAULT_WORDS);
    to->frame.rdx = from->fault_page;
    to->frame.r10 = from->fault_rights;
}

static void (*const message[])(const struct call *, struct thread *) = {
    [CALL_MESSAGE] = message_thread,        [CALL_FAULT] = message_fault,
    [CALL_PAGE_FAULT] = message_page_fault, [CALL_EXIT] = vcpu_message_exit,
    [CALL_ACCESS] = vcpu_message_access,
};

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

static inline void deliver(struct call *c, struct thread *to)
{
    receive_call(c, to, c->kind == CALL_PAGE_FAULT ? NULL : to->receive_into);
    message[c->kind](c, to);
}

// A waiting thread goes on with what is in its frame.
static inline void end_wait(struct thread *t, enum status s, struct reply *into)
{
    list_unlink(&t->waiting);
    if (into)
        into->waiter = NULL;
    timer_cancel(&t->exec.timer);
    t->frame.rax = s;
}

void thread_end_wait(struct thread *t, enum status s)
{
    end_wait(t, s, t->receive_into);
}

void thread_wake(struct thread *t, enum status s)
{
    end_wait(t, s, t->receive_into);
    sched_ready(&t->exec, false, false);
}

static inline void begin_call(struct call *c, struct ref ref, uint64_t badge, enum call_kind kind)
{
    c->endpoint = ref;
    c->badge = badge;
    c->kind = (uint8_t)kind;
    c->deliveries = 0;
    c->sequence++;
}

static inline struct thread *first_waiter(const struct endpoint *e)
{
    return CONTAINER(e->waiters.next, struct thread, waiting);
}

void call_start(struct exec *e, struct endpoint *to, struct ref ref, uint64_t badge, enum call_kind kind)
{
    struct call *c = &e->call;
    bool running = this_cpu()->current == e;
    begin_call(c, ref, badge, kind);
    e->state = EXEC_CALLS;
    if (list_empty(&to->waiters)) {
        c->state = CALL_QUEUED;
        list_append(&to->callers, &c->node);
        if (running)
            sched_block();
        return;
    }
    struct thread *t = first_waiter(to);
    end_wait(t, STATUS_OK, t->receive_into);
    deliver(c, t);
    if (running)
        sched_switch(&t->exec);
    else
        sched_ready(&t->exec, false, false);
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
        sched_set_effective(&c->receiver->exec, served_priority(c->receiver));
    }
    c->state = CALL_NONE;
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
    if (e->object.type == OBJECT_VCPU) {
        CONTAINER(e, struct vcpu, exec)->stopped = true;
        e->state = EXEC_STOPPED;
    } else if (kind == CALL_MESSAGE) {
        CONTAINER(e, struct thread, exec)->frame.rax = STATUS_GONE;
        sched_ready(e, false, false);
    } else {
        e->suspended = true;
        e->state = EXEC_STOPPED;
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
    if (!list_empty(&to->waiters)) {
        struct thread *t = first_waiter(to);
        thread_end_wait(t, STATUS_OK);
        deliver(c, t);
        sched_ready(&t->exec, false, false);
        return;
    }
    c->state = CALL_QUEUED;
    list_prepend(&to->callers, &c->node);
}

static __attribute__((noinline)) uint32_t start_message(struct thread *t, struct endpoint *to,
                                                        const struct capability *cap, uint64_t tag)
{
    if (TAG_WORDS(tag) > MESSAGE_WORDS_MAX)
        return STATUS_BAD_ARG;
    call_start(&t->exec, to, cap->ref, cap->badge, CALL_MESSAGE);
    return SYSCALL_DONE;
}

// The short way first: a server waits, it can run at once, and the message is in registers.
uint32_t sys_call(uint64_t slot, uint64_t tag, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
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
        return start_message(t, e, cap, tag);
    put_words(&to->frame, tag, w0, w1, w2, w3);
    sched_charge(cpu, &t->exec, rdtsc());
    int64_t left = switch_left(&to->exec);
    if (to->exec.suspended || left <= 0)
        return start_message(t, e, cap, tag);
    struct call *c = &t->exec.call;
    begin_call(c, cap->ref, cap->badge, CALL_MESSAGE);
    struct reply *into = to->receive_into;
    if (!into)
        __builtin_unreachable(); // who waits on an endpoint has one
    end_wait(to, STATUS_OK, into);
    receive_call(c, to, into);
    t->exec.state = EXEC_CALLS;
    switch_threads(cpu, t, to, left);
    return SYSCALL_DONE;
}

// Can this call be answered with what is in the server's frame?
static enum status check_answer(const struct call *c, const struct thread *from)
{
    if (c->kind == CALL_EXIT)
        return vcpu_check_answer(CONTAINER(c, struct vcpu, exec.call), from);
    return STATUS_OK;
}

static void answer_message(struct thread *to, const struct thread *from)
{
    copy_message(to, from);
    to->frame.rax = STATUS_OK;
}

// Answers; returns who may run now, NULL when it does not.
static inline struct exec *answer(struct call *c, const struct thread *from)
{
    struct exec *e = CONTAINER(c, struct exec, call);
    enum call_kind kind = c->kind;
    end_call(c);
    if (kind == CALL_MESSAGE)
        answer_message(CONTAINER(e, struct thread, exec), from);
    else if (kind == CALL_EXIT)
        return vcpu_answer_exit(CONTAINER(e, struct vcpu, exec), from) ? e : NULL;
    else if (kind == CALL_ACCESS)
        return vcpu_answer_access(CONTAINER(e, struct vcpu, exec), from->frame.rdx) ? e : NULL;
    return e;
}

struct __attribute__((packed, may_alias)) wait_rax {
    uint8_t number, flags;
    uint16_t reply, receive;
};

struct wait {
    struct endpoint *endpoint;
    struct call *call; // to answer
    struct reply *into;
    uint32_t flags;
};

static inline enum status check_wait(struct thread *t, uint64_t slot, uint64_t tag, struct wait *w)
{
    uint64_t rax = t->frame.rax;
    uint32_t reply = (uint16_t)(rax >> 16), receive = (uint16_t)(rax >> 32);
    struct object *o;
    enum status s;
    w->flags = (uint8_t)(rax >> 8);
    if (reply) {
        if ((s = cap_get(t->process, reply, OBJECT_REPLY, RIGHT_SEND, &o, NULL)) != STATUS_OK)
            return s;
        w->into = (struct reply *)o;
        w->call = w->into->call;
        if (!w->call)
            return STATUS_STALE;
        if (TAG_WORDS(tag) > MESSAGE_WORDS_MAX)
            return STATUS_BAD_ARG;
        if ((s = check_answer(w->call, t)) != STATUS_OK)
            return s;
    }
    if (slot) {
        if ((s = cap_get(t->process, slot, OBJECT_ENDPOINT, RIGHT_RECEIVE, &o, NULL)) != STATUS_OK)
            return s;
        w->endpoint = (struct endpoint *)o;
        if (receive != reply || !receive) {
            if ((s = cap_get(t->process, receive, OBJECT_REPLY, RIGHT_RECEIVE, &o, NULL)) != STATUS_OK)
                return s;
            w->into = (struct reply *)o;
        }
        if (w->into->waiter || (w->into->call && w->into->call != w->call))
            return STATUS_BUSY;
    } else
        w->into = NULL;
    return w->flags & ~(uint32_t)(WAIT_DEADLINE | WAIT_POLL) ? STATUS_BAD_ARG : STATUS_OK;
}

static bool take_bits(struct thread *t)
{
    struct notification *n = t->signalled ? (struct notification *)ref_get(t->notification) : NULL;
    t->signalled = false;
    if (!n || !n->bits)
        return false;
    t->frame.rdi = 0;
    t->frame.rsi = TAG(LABEL_BITS, 1);
    t->frame.rdx = n->bits;
    n->bits = 0;
    return true;
}

static void wait_expired(struct timer *timer)
{
    struct thread *t = CONTAINER(timer, struct thread, exec.timer);
    thread_wake(t, STATUS_TIMEOUT);
}

static inline bool receive(struct thread *t, const struct wait *w)
{
    t->receive_into = w->into;
    if (take_bits(t))
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
}

static inline void count_wait(struct cpu *cpu, struct thread *t)
{
    sched_charge(cpu, &t->exec, rdtsc());
    t->waits++;
    t->cpu_time_at_wait = t->exec.cpu_time;
}

static __attribute__((noinline)) uint32_t reply_wait(struct cpu *cpu, struct thread *t, uint64_t slot,
                                                     uint64_t tag)
{
    struct wait w = {0};
    enum status s = check_wait(t, slot, tag, &w);
    if (s != STATUS_OK)
        return s;
    struct exec *next = w.call ? answer(w.call, t) : NULL;
    count_wait(cpu, t);
    bool got = receive(t, &w);
    if (got || (w.flags & WAIT_POLL)) {
        if (next)
            sched_ready(next, false, false);
        return got ? STATUS_OK : STATUS_TIMEOUT;
    }
    block(t, &w, next);
    return SYSCALL_DONE;
}

// The short way first: a server answers a thread that can run at once, with words in registers and a reply
// object that it receives into again, and nothing is there for it.
uint32_t sys_reply_wait(uint64_t slot, uint64_t tag, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    struct cpu *cpu = this_cpu();
    struct thread *t = CONTAINER(cpu->current, struct thread, exec);
    const struct wait_rax *rax = (const struct wait_rax *)&t->frame.rax;
    struct object *r, *e;
    if (rax->flags || rax->receive != rax->reply || TAG_WORDS(tag) > MESSAGE_REGISTERS || t->signalled ||
        !cap_find(t->process, rax->reply, OBJECT_REPLY, RIGHT_SEND | RIGHT_RECEIVE, &r) ||
        !cap_find(t->process, slot, OBJECT_ENDPOINT, RIGHT_RECEIVE, &e))
        return reply_wait(cpu, t, slot, tag);
    struct reply *reply = (struct reply *)r;
    struct endpoint *from = (struct endpoint *)e;
    struct call *c = reply->call;
    if (!list_empty(&from->callers) || t->received.next != &c->node || t->received.previous != &c->node ||
        c->kind != CALL_MESSAGE)
        return reply_wait(cpu, t, slot, tag);
    struct thread *to = CONTAINER(c, struct thread, exec.call);
    sched_charge(cpu, &t->exec, rdtsc());
    t->cpu_time_at_wait = t->exec.cpu_time;
    int64_t left = switch_left(&to->exec);
    if (to->exec.suspended || left <= 0 || !most_urgent(cpu, to->exec.effective))
        return reply_wait(cpu, t, slot, tag);
    put_words(&to->frame, tag, w0, w1, w2, w3);
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
