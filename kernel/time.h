// Timers: something to happen at a TSC deadline.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/list.h"

struct timer {
    struct node node; // in the CPU's queue, sorted by deadline; node.next is NULL when it does not run
    uint64_t deadline;
    void (*expire)(struct timer *); // [I]
};

void timer_start(struct timer *t, uint64_t deadline);
static inline bool timer_runs(const struct timer *t)
{
    return t->node.next;
}
static inline void timer_cancel(struct timer *t)
{
    if (timer_runs(t)) {
        list_unlink(&t->node);
        t->node.next = NULL;
    }
}

// Runs what is due; returns the next deadline, UINT64_MAX when there is none.
uint64_t timers_run(uint64_t now);
