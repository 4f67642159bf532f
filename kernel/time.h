// Timers: something to happen at a TSC deadline.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/list.h"

struct timer {
    struct node node; // in the CPU's queue, sorted by deadline
    uint64_t deadline;
    void (*expire)(struct timer *); // [I]
};

void timer_start(struct timer *t, uint64_t deadline);
static inline void timer_cancel(struct timer *t)
{
    list_remove(&t->node);
}

// Runs what is due; returns the next deadline, UINT64_MAX when there is none.
uint64_t timers_run(uint64_t now);
