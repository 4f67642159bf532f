// Handing the CPU over: what calls and answers need of the scheduler, inline.
// SPDX-License-Identifier: MIT
//
// Everything rare is left to kernel_exit() by a hazard, so that nothing here is a call.
#pragma once

#include "kernel/fpu.h"
#include "kernel/sched.h"
#include "kernel/trap.h"

// TSC ticks until its slice or its account's budget is over; not positive: it is.
static inline int64_t switch_left(const struct exec *e)
{
    const struct account *a = e->account;
    int64_t slice = (int64_t)(e->slice_end - e->cpu_time), budget = (int64_t)(a->limit - a->used);
    return slice < budget ? slice : budget;
}

// Nobody ready is more urgent than an exec of this priority.
static inline bool most_urgent(const struct cpu *cpu, uint8_t priority)
{
    return cpu->ready_map >> priority <= 1;
}

static inline void switch_limit(struct cpu *cpu, int64_t left)
{
    if (cpu->run_start + (uint64_t)left < cpu->timer_deadline)
        cpu->hazards |= HAZARD_TIMER; // to be armed for an earlier time
}

// e, which is in no queue and has time left, is current from now on.
static inline void switch_to(struct cpu *cpu, struct exec *e, int64_t left)
{
    e->state = EXEC_READY;
    cpu->current = e;
    switch_limit(cpu, left);
    fpu_load(e);
    if (e->object.type == OBJECT_THREAD)
        trap_load_thread(cpu, CONTAINER(e, struct thread, exec));
    else
        cpu->hazards |= HAZARD_GUEST;
}

// The same from one thread to another, and there into user mode: it does not return. (Told so, the compiler
// would take the way here for a cold one.)
static ALWAYS_INLINE void switch_threads(struct cpu *cpu, struct thread *from, struct thread *to,
                                         int64_t left)
{
    to->exec.state = EXEC_READY;
    cpu->current = &to->exec;
    switch_limit(cpu, left);
    fpu_exchange(from->exec.fpu, to->exec.fpu);
    trap_load_thread(cpu, to);
    asm volatile("lea %0, %%rsp; jmp return_to_frame" ::"m"(to->frame) : "memory");
}
