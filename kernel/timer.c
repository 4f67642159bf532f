// Timers: a sorted list a CPU.
// SPDX-License-Identifier: MIT
//
// At most one timer a thread, vCPU and account: the list is as long as those that wait with a deadline,
// mostly a handful.
#include "kernel/percpu.h"
#include "kernel/platform/platform.h"
#include "kernel/sched.h"

void timer_arm_earlier(struct cpu *cpu, uint64_t deadline)
{
    cpu->timer_deadline = deadline;
    timer_arm(deadline ? deadline : 1);
}

void timer_start(struct timer *t, uint64_t deadline)
{
    struct cpu *cpu = this_cpu();
    timer_cancel(t);
    t->deadline = deadline;
    struct node *n = cpu->timers.next;
    while (n != &cpu->timers && CONTAINER(n, struct timer, node)->deadline <= deadline)
        n = n->next;
    list_insert_before(n, &t->node);
    timer_need(cpu, deadline);
}

uint64_t timers_run(uint64_t now)
{
    struct cpu *cpu = this_cpu();
    while (!list_empty(&cpu->timers)) {
        struct timer *t = CONTAINER(cpu->timers.next, struct timer, node);
        if (t->deadline > now)
            return t->deadline;
        timer_cancel(t);
        t->expire(t);
    }
    return UINT64_MAX;
}
