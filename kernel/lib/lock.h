// Ticket spinlock, and the order in which the kernel's locks are taken
// SPDX-License-Identifier: MIT
//
// Lock order, outermost first; whoever holds a lock takes only locks below it:
//   1. kernel lock     everything that system calls, exits and interrupts touch
//   2. console lock    kprintf(); leaf, may be taken anywhere. panic() does not take it.
// All are taken with interrupts off: the kernel does not run with interrupts on except in its idle loop, and
// a holder that could be interrupted would let its own CPU spin on itself.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct spinlock {
    _Atomic uint32_t next;  // the ticket that the next comer draws
    _Atomic uint32_t owner; // the ticket that is being served
};

static inline void lock(struct spinlock *l)
{
    uint32_t ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&l->owner, memory_order_acquire) != ticket)
        __builtin_ia32_pause();
}

// Only the holder writes `owner`, so a plain store will do.
static inline void unlock(struct spinlock *l)
{
    uint32_t owner = atomic_load_explicit(&l->owner, memory_order_relaxed);
    atomic_store_explicit(&l->owner, owner + 1, memory_order_release);
}
