// The scheduler: queues, slices, budgets.
// SPDX-License-Identifier: MIT
//
// The current exec is in no queue. Whoever makes another ready only marks that a decision is due
// (HAZARD_RESCHEDULE); the decision falls on the way out of the kernel. A call and its answer hand the CPU
// over without one.
#include "kernel/sched.h"

#include "kernel/fpu.h"
#include "kernel/lib/print.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "kernel/vm.h"

struct account *root_account;

enum { SLICE_US = 10000, DOORBELL_US = 50 };

static void doorbell_due(struct timer *t)
{
    (void)t;
    this_cpu()->hazards |= HAZARD_RESCHEDULE;
}

void sched_init_cpu(struct cpu *cpu)
{
    for (unsigned i = 0; i < 64; i++)
        list_init(&cpu->ready[i]);
    list_init(&cpu->timers);
    list_init(&cpu->doorbell.node);
    cpu->doorbell.expire = doorbell_due;
    cpu->timer_deadline = UINT64_MAX;
}

enum status account_create(struct process *payer, uint64_t weight, uint64_t budget, uint64_t period,
                           struct account **out)
{
    if (!weight || weight > WEIGHT_MAX || (budget && (period < (uint64_t)tsc_khz / 10 || budget > period)))
        return STATUS_BAD_ARG;
    struct account *a = (struct account *)object_new(OBJECT_ACCOUNT, sizeof *a, payer);
    if (!a)
        return STATUS_NO_QUOTA;
    a->weight = weight;
    a->budget = budget;
    a->period = period;
    a->since = rdtsc();
    list_init(&a->execs);
    list_init(&a->parked);
    list_init(&a->replenish.node);
    *out = a;
    return STATUS_OK;
}

static uint64_t slice_of(const struct exec *e)
{
    return (uint64_t)tsc_khz * SLICE_US / 1000 * e->account->weight / WEIGHT_USUAL;
}

// The budget is used up. What was used beyond it counts for the periods that follow.
static bool spent(struct account *a)
{
    if (!a->budget || a->spent < a->budget)
        return false;
    uint64_t periods = (rdtsc() - a->since) / a->period, given = periods * a->budget;
    a->since += periods * a->period;
    a->spent = a->spent > given ? a->spent - given : 0;
    return a->spent >= a->budget;
}

// Time of the current exec up to now, to it and its account.
static inline void charge(struct cpu *cpu, uint64_t now)
{
    struct exec *e = cpu->current;
    uint64_t ran = now - cpu->run_start;
    cpu->run_start = now;
    if (!e)
        return;
    e->cpu_time += ran;
    e->slice_left = e->slice_left > ran ? e->slice_left - ran : 0;
    e->account->used += ran;
    e->account->spent += ran;
}

uint64_t exec_cpu_time(const struct exec *e)
{
    const struct cpu *cpu = this_cpu();
    return e->cpu_time + (cpu->current == e ? rdtsc() - cpu->run_start : 0);
}

// The time at which the account's budget or the slice is over.
static uint64_t run_limit(const struct exec *e)
{
    uint64_t left = e->slice_left;
    const struct account *a = e->account;
    if (!a->budget)
        return left;
    uint64_t budget_left = a->budget > a->spent ? a->budget - a->spent : 0;
    return budget_left < left ? budget_left : left;
}

static inline void activate(struct cpu *cpu, struct exec *e)
{
    if (!e->slice_left)
        e->slice_left = slice_of(e);
    cpu->current = e;
    timer_need(cpu, cpu->run_start + run_limit(e));
    if (cpu->fpu_owner != e)
        fpu_switch(cpu, e);
    if (e->object.type == OBJECT_THREAD)
        trap_load_thread(cpu, CONTAINER(e, struct thread, exec));
    else
        cpu->hazards |= HAZARD_GUEST;
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

static int top_priority(const struct cpu *cpu)
{
    return cpu->ready_map ? 63 - __builtin_clzl(cpu->ready_map) : -1;
}

void sched_ready(struct exec *e, bool first, bool lazy)
{
    struct cpu *cpu = this_cpu();
    if (e->suspended) {
        e->state = EXEC_STOPPED;
        return;
    }
    e->state = EXEC_READY;
    enqueue(cpu, e, first);
    if (cpu->current && cpu->current->effective >= e->effective)
        return;
    if (lazy && cpu->current)
        sched_doorbell();
    else
        cpu->hazards |= HAZARD_RESCHEDULE;
}

void sched_doorbell(void)
{
    struct cpu *cpu = this_cpu();
    if (cpu->doorbell.node.next == &cpu->doorbell.node)
        timer_start(&cpu->doorbell, rdtsc() + (uint64_t)tsc_khz * DOORBELL_US / 1000);
}

void sched_block(void)
{
    struct cpu *cpu = this_cpu();
    charge(cpu, rdtsc());
    cpu->current = NULL;
    cpu->hazards = (cpu->hazards & ~(uint32_t)HAZARD_GUEST) | HAZARD_RESCHEDULE;
}

void sched_remove(struct exec *e)
{
    struct cpu *cpu = this_cpu();
    if (cpu->current == e)
        sched_block();
    else if (e->state == EXEC_READY)
        dequeue(cpu, e);
    if (cpu->fpu_owner == e)
        cpu->fpu_owner = NULL;
}

void sched_switch(struct exec *e)
{
    struct cpu *cpu = this_cpu();
    charge(cpu, rdtsc());
    cpu->hazards &= ~(uint32_t)HAZARD_GUEST;
    if (e->suspended || cpu->ready_map >> e->effective > 1 || spent(e->account)) {
        cpu->current = NULL;
        cpu->hazards |= HAZARD_RESCHEDULE;
        sched_ready(e, true, false);
        return;
    }
    e->state = EXEC_READY;
    activate(cpu, e);
}

void sched_set_effective(struct exec *e, uint8_t priority)
{
    struct cpu *cpu = this_cpu();
    bool queued = e->state == EXEC_READY && cpu->current != e && !list_empty(&e->ready);
    if (queued)
        dequeue(cpu, e);
    if (priority < e->effective)
        cpu->hazards |= HAZARD_RESCHEDULE;
    e->effective = priority;
    if (queued)
        enqueue(cpu, e, false);
}

static void replenish(struct timer *t)
{
    struct account *a = CONTAINER(t, struct account, replenish);
    while (!list_empty(&a->parked)) {
        struct exec *e = CONTAINER(a->parked.next, struct exec, ready);
        list_remove(&e->ready);
        sched_ready(e, false, false);
    }
}

// The budget is spent: the exec waits for the next period.
static void park(struct exec *e)
{
    struct account *a = e->account;
    list_append(&a->parked, &e->ready);
    if (a->replenish.node.next == &a->replenish.node) {
        a->replenish.expire = replenish;
        timer_start(&a->replenish, a->since + a->period);
    }
}

static struct exec *pick(struct cpu *cpu)
{
    while (cpu->ready_map) {
        struct exec *e = CONTAINER(cpu->ready[top_priority(cpu)].next, struct exec, ready);
        dequeue(cpu, e);
        if (!spent(e->account))
            return e;
        park(e);
    }
    return NULL;
}

// Who is current after this: the same one, or a more urgent one, or its equal when its slice is over.
static void reschedule(struct cpu *cpu)
{
    struct exec *e = cpu->current;
    cpu->hazards &= ~(uint32_t)HAZARD_RESCHEDULE;
    uint64_t now = rdtsc();
    charge(cpu, now);
    if (e) {
        int top = top_priority(cpu);
        bool over = !e->slice_left || spent(e->account);
        if (!over && top <= (int)e->effective)
            return;
        if (over && top < (int)e->effective && !spent(e->account)) {
            activate(cpu, e);
            return;
        }
        cpu->current = NULL;
        cpu->hazards &= ~(uint32_t)HAZARD_GUEST;
        enqueue(cpu, e, e->slice_left != 0);
    }
    e = pick(cpu);
    if (e)
        activate(cpu, e);
}

void sched_timer(void)
{
    struct cpu *cpu = this_cpu();
    cpu->timer_deadline = UINT64_MAX;
    cpu->hazards |= HAZARD_TIMER;
}

static void timers_due(struct cpu *cpu)
{
    cpu->hazards &= ~(uint32_t)HAZARD_TIMER;
    uint64_t now = rdtsc();
    uint64_t next = timers_run(now);
    charge(cpu, now);
    struct exec *e = cpu->current;
    if (e && !run_limit(e))
        cpu->hazards |= HAZARD_RESCHEDULE;
    uint64_t limit = e ? now + run_limit(e) : UINT64_MAX;
    timer_need(cpu, next < limit ? next : limit);
}

void kernel_exit(void)
{
    struct cpu *cpu = this_cpu();
    for (;;) {
        if (cpu->hazards & HAZARD_TIMER)
            timers_due(cpu);
        if (cpu->hazards & HAZARD_RESCHEDULE)
            reschedule(cpu);
        struct exec *e = cpu->current;
        if (!e)
            interrupts_wait();
        else if (e->object.type == OBJECT_VCPU)
            vcpu_enter(CONTAINER(e, struct vcpu, exec));
        else if (cpu->hazards & HAZARD_DEMOLISH)
            demolish(CONTAINER(e, struct thread, exec));
        else
            return;
    }
}
