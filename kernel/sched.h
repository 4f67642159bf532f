// The scheduler: who runs next on this CPU, for how long, and at whose expense.
// SPDX-License-Identifier: MIT
//
// Fixed priorities; equals take turns in slices whose length follows their account's weight. An account with
// a budget whose threads and vCPUs used it up in this period rests until the next.
#pragma once

#include "kernel/exec.h"
#include "kernel/percpu.h"

enum hazard {
    HAZARD_TIMER = 1,      // the timer interrupt came
    HAZARD_RESCHEDULE = 2, // somebody more urgent may be ready, or the slice is over
    HAZARD_GUEST = 4,      // the current exec is a vCPU
    HAZARD_DEMOLISH = 8,   // the current thread has something to take apart
    HAZARD_PORTS = 16,     // the I/O map is another process's
};

struct account {
    struct object object;
    uint64_t weight;         // 1..1000, 100 is usual
    uint64_t budget, period; // TSC ticks; budget 0: unlimited
    uint64_t used;
    uint64_t limit; // of `used`: the budget is spent then
    uint64_t since; // when a period began
    struct timer replenish;
    struct node parked; // ready, but the budget is spent
    struct node execs;  // threads and vCPUs charged to it
};

extern struct account *root_account; // [I]

enum { WEIGHT_USUAL = 100, WEIGHT_MAX = 1000 };

enum status account_make(void *o, const struct request *r) MUST_CHECK;
bool account_release(void *o);

void sched_init_cpu(struct cpu *cpu);

// e can run; it takes its turn. `first`: before its equals.
void sched_ready(struct exec *e, bool first);
// The current exec cannot go on; its state says why.
void sched_block(void);
// Not in any queue any more, nor current.
void sched_remove(struct exec *e);
// The current exec cannot go on, and e can: it gets the CPU at once when nobody ready is more urgent.
void sched_switch(struct exec *e);

// Time of the current exec up to now, to it and its account.
static inline void sched_charge(struct cpu *cpu, struct exec *e, uint64_t now)
{
    uint64_t ran = now - cpu->run_start;
    cpu->run_start = now;
    e->cpu_time += ran;
    e->account->used += ran;
}

// Effective priority from its own and those of whom it serves.
void sched_set_effective(struct exec *e, uint8_t priority);

// A timer interrupt no later than soon after the deadline; it stays armed for an earlier one.
void timer_arm_earlier(struct cpu *cpu, uint64_t deadline);
static inline void timer_need(struct cpu *cpu, uint64_t deadline)
{
    if (deadline < cpu->timer_deadline)
        timer_arm_earlier(cpu, deadline);
}

// Some steps of what the current thread destroys (kernel/lifecycle.c).
void demolish(struct thread *t);

// Out of the kernel: runs guests, idles, returns when a thread is to go on; the TSS's RSP0 is its
// frame's end.
void kernel_exit(void);

void sched_timer(void);                       // the timer interrupt
uint64_t exec_cpu_time(const struct exec *e); // up to now
