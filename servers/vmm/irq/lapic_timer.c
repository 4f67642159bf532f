// Local APIC timer: one-shot, periodic, TSC-deadline
// SPDX-License-Identifier: MIT
//
// The count is never stored: it follows from the instant at which it reaches zero. A period starts
// where the last one ended, however late the monitor looks, so nothing drifts; expiries that nobody
// saw in time are one interrupt. The input clock is 1 GHz: one tick is one nanosecond times the
// divisor. Every register access has advanced the timer to `now` before it comes here.
#include "servers/vmm/irq/lapic_internal.h"

static bool deadline_mode(uint32_t lvt)
{
    return lvt & LVT_DEADLINE;
}

static uint32_t divisor(const struct lapic *l)
{
    const uint32_t code = (l->divide & 3) | (l->divide >> 1 & 4); // [SDM] 3A 10.5.4, figure 10-10

    return code == 7 ? 1 : 2u << code;
}

static uint64_t period(const struct lapic *l)
{
    return (uint64_t)l->initial_count * divisor(l);
}

static bool expired(struct lapic *l, struct vclock now)
{
    if (l->deadline) {
        if (now.tsc < l->deadline)
            return false;
        l->deadline = 0; // [SDM] 3A 10.5.4.1: reads zero once it has fired
        return true;
    }
    if (!l->counting || now.ns < l->expiry)
        return false;
    if (l->lvt[LVT_TIMER] & LVT_PERIODIC)
        l->expiry += ((now.ns - l->expiry) / period(l) + 1) * period(l);
    else
        l->counting = false;
    return true;
}

bool lapic_advance(struct lapic *l, struct vclock now)
{
    return expired(l, now) && lapic_local(l, LVT_TIMER);
}

struct lapic_deadline lapic_deadline(const struct lapic *l)
{
    if (l->lvt[LVT_TIMER] & LVT_MASKED)
        return (struct lapic_deadline){LAPIC_CLOCK_NONE, 0};
    if (l->deadline)
        return (struct lapic_deadline){LAPIC_CLOCK_TSC, l->deadline};
    if (l->counting)
        return (struct lapic_deadline){LAPIC_CLOCK_NS, l->expiry};
    return (struct lapic_deadline){LAPIC_CLOCK_NONE, 0};
}

uint32_t lapic_timer_count(const struct lapic *l, struct vclock now)
{
    return l->counting ? (uint32_t)((l->expiry - now.ns + divisor(l) - 1) / divisor(l)) : 0;
}

void lapic_timer_start(struct lapic *l, uint32_t count, struct vclock now)
{
    if (deadline_mode(l->lvt[LVT_TIMER])) // [SDM] 3A 10.5.4.1: writes are ignored
        return;
    l->initial_count = count;
    l->counting = count != 0;
    l->expiry = now.ns + period(l);
}

// The count goes on from where it is at the new rate.
void lapic_timer_divide(struct lapic *l, uint32_t value, struct vclock now)
{
    const uint32_t count = lapic_timer_count(l, now);

    l->divide = value;
    l->expiry = now.ns + (uint64_t)count * divisor(l);
}

// One-shot and periodic are one running count; to or from TSC-deadline disarms ([SDM] 3A 10.5.4.1).
void lapic_timer_lvt(struct lapic *l, uint32_t value)
{
    if (deadline_mode(l->lvt[LVT_TIMER]) != deadline_mode(value)) {
        l->counting = false;
        l->deadline = 0;
    }
    l->lvt[LVT_TIMER] = value;
}

void lapic_timer_deadline(struct lapic *l, uint64_t tsc, struct vclock now)
{
    if (!deadline_mode(l->lvt[LVT_TIMER]))
        return;
    l->deadline = tsc;
    lapic_advance(l, now); // a deadline that has passed fires at once
}
