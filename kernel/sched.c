// The scheduler: queues, slices, budgets.
// SPDX-License-Identifier: MIT
//
// The current exec is in no queue. Whoever makes another ready only marks that a decision is due
// (HAZARD_RESCHEDULE); the decision falls on the way out of the kernel. A call and its answer hand the CPU
// over without one.
#include "kernel/sched.h"

#include "kernel/lib/print.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/switch.h"
#include "kernel/syscalls.h"
#include "kernel/thread.h"
#include "kernel/vm.h"

struct account *root_account;

#define SLICE_US 10000ul

void sched_init_cpu(struct cpu *cpu)
{
    for (unsigned i = 0; i < 64; i++)
        list_init(&cpu->ready[i]);
    list_init(&cpu->timers);
    cpu->timer_deadline = UINT64_MAX;
}

enum status account_make(void *o, const struct request *r)
{
    struct account *a = o;
    uint64_t weight = r->a[2], budget = r->a[3], period = r->a[4];
    list_init(&a->execs);
    list_init(&a->parked);
    a->weight = weight;
    a->budget = budget;
    a->period = period;
    a->limit = budget ? budget : INT64_MAX;
    a->since = rdtsc();
    return !weight || weight > WEIGHT_MAX || (budget && (period < tsc_khz / 10 || budget > period))
               ? STATUS_BAD_ARG
               : STATUS_OK;
}

// Whoever it paid for is charged to the root task's account from now on.
bool account_release(void *o)
{
    struct account *a = o;
    if (!list_empty(&a->execs)) {
        exec_set_account(CONTAINER(a->execs.next, struct exec, charged), root_account);
        return false;
    }
    timer_cancel(&a->replenish);
    return true;
}

uint64_t exec_cpu_time(const struct exec *e)
{
    const struct cpu *cpu = this_cpu();
    return e->cpu_time + (cpu->current == e ? rdtsc() - cpu->run_start : 0);
}

static void enqueue(struct cpu *cpu, struct exec *e, bool first)
{
    struct node *queue = &cpu->ready[e->effective];
    if (first)
        list_prepend(queue, &e->ready);
    else
        list_append(queue, &e->ready);
    cpu->ready_map |= 1ul << e->effective;
}

static void dequeue(struct cpu *cpu, struct exec *e)
{
    list_remove(&e->ready);
    if (list_empty(&cpu->ready[e->effective]))
        cpu->ready_map &= ~(1ul << e->effective);
}

void sched_ready(struct exec *e, bool first)
{
    struct cpu *cpu = this_cpu();
    if (e->suspended) {
        e->state = EXEC_STOPPED;
        return;
    }
    e->state = EXEC_READY;
    enqueue(cpu, e, first);
    if (!cpu->current || cpu->current->effective < e->effective)
        cpu->hazards |= HAZARD_RESCHEDULE;
}

static inline void put_aside(struct cpu *cpu)
{
    sched_charge(cpu, cpu->current, rdtsc());
    fpu_save(cpu->current);
}

// Nobody is current from now on.
void sched_block(void)
{
    struct cpu *cpu = this_cpu();
    put_aside(cpu);
    cpu->current = NULL;
    cpu->hazards |= HAZARD_RESCHEDULE;
}

void sched_remove(struct exec *e)
{
    struct cpu *cpu = this_cpu();
    if (cpu->current == e)
        sched_block();
    else if (e->state == EXEC_READY)
        dequeue(cpu, e);
}

void sched_switch(struct exec *e)
{
    struct cpu *cpu = this_cpu();
    put_aside(cpu);
    int64_t left = switch_left(e);
    if (!e->suspended && left > 0 && most_urgent(cpu, e->effective)) {
        switch_to(cpu, e, left);
        return;
    }
    cpu->current = NULL;
    cpu->hazards |= HAZARD_RESCHEDULE;
    sched_ready(e, true);
}

void sched_set_effective(struct exec *e, uint8_t priority)
{
    struct cpu *cpu = this_cpu();
    bool queued = e->state == EXEC_READY && cpu->current != e && !list_empty(&e->ready);
    if (queued)
        dequeue(cpu, e);
    if (priority != e->effective)
        cpu->hazards |= HAZARD_RESCHEDULE;
    e->effective = priority;
    if (queued)
        enqueue(cpu, e, false);
}

// The budget may be there again: those who wait for it are asked anew (pick()).
static void replenish(struct timer *t)
{
    struct account *a = CONTAINER(t, struct account, replenish);
    while (!list_empty(&a->parked)) {
        struct exec *e = CONTAINER(a->parked.next, struct exec, ready);
        list_remove(&e->ready);
        sched_ready(e, false);
    }
}

// The budget is used up. What was used beyond it counts for the periods that follow.
static bool spent(struct account *a, uint64_t now)
{
    if (a->used < a->limit)
        return false;
    uint64_t periods = (now - a->since) / a->period, full = a->used + a->budget;
    a->since += periods * a->period;
    a->limit += periods * a->budget;
    a->limit = a->limit < full ? a->limit : full;
    return a->used >= a->limit;
}

// Its account's budget is spent: it waits for the end of the period.
static void park(struct exec *e)
{
    struct account *a = e->account;
    list_append(&a->parked, &e->ready);
    a->replenish.expire = replenish;
    timer_start(&a->replenish, a->since + a->period);
}

// The most urgent one, with time left.
static struct exec *pick(struct cpu *cpu)
{
    while (cpu->ready_map) {
        struct exec *e = CONTAINER(cpu->ready[63 - __builtin_clzl(cpu->ready_map)].next, struct exec, ready);
        dequeue(cpu, e);
        if (e->cpu_time >= e->slice_end)
            e->slice_end = e->cpu_time + tsc_khz * SLICE_US / 1000 * e->account->weight / WEIGHT_USUAL;
        if (!spent(e->account, cpu->run_start))
            return e;
        park(e);
    }
    return NULL;
}

// Who is current after this: the same one, or a more urgent one, or its equal when its slice is over.
static NOINLINE void reschedule(struct cpu *cpu)
{
    struct exec *e = cpu->current;
    if (e) {
        sched_charge(cpu, e, rdtsc());
        bool over = switch_left(e) <= 0;
        if (over || !most_urgent(cpu, e->effective)) {
            sched_block();
            enqueue(cpu, e, !over);
        }
    } else {
        cpu->run_start = rdtsc();
    }
    cpu->hazards &= ~(uint32_t)HAZARD_RESCHEDULE;
    if (cpu->current || !(e = pick(cpu)))
        return;
    switch_to(cpu, e, switch_left(e));
    if (e->object.type == OBJECT_THREAD && CONTAINER(e, struct thread, exec)->demolishing)
        cpu->hazards |= HAZARD_DEMOLISH;
}

void sched_timer(void)
{
    struct cpu *cpu = this_cpu();
    cpu->timer_deadline = UINT64_MAX;
    cpu->hazards |= HAZARD_TIMER;
}

// What is due happens; the timer is armed for what comes next.
static NOINLINE void timers_due(struct cpu *cpu)
{
    cpu->hazards &= ~(uint32_t)HAZARD_TIMER;
    uint64_t now = rdtsc(), next = timers_run(now);
    struct exec *e = cpu->current;
    if (e) {
        sched_charge(cpu, e, now);
        int64_t left = switch_left(e);
        if (left <= 0)
            cpu->hazards |= HAZARD_RESCHEDULE;
        else if (now + (uint64_t)left < next)
            next = now + (uint64_t)left;
    }
    timer_need(cpu, next);
}

void kernel_exit(void)
{
    struct cpu *cpu = this_cpu();
    for (;;) {
        uint32_t hazards = cpu->hazards;
        struct exec *e = cpu->current;
        if (hazards & HAZARD_TIMER) {
            timers_due(cpu);
        } else if (hazards & HAZARD_RESCHEDULE) {
            reschedule(cpu);
        } else if (!e) {
            interrupts_wait();
        } else if (e->object.type == OBJECT_VCPU) {
            vcpu_enter(CONTAINER(e, struct vcpu, exec));
        } else if (hazards & HAZARD_PORTS) {
            trap_load_ports(cpu);
        } else if (hazards & HAZARD_DEMOLISH) {
            demolish(CONTAINER(e, struct thread, exec));
        } else {
            cpu->hazards = 0;
            return;
        }
    }
}
