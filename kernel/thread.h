// A thread: registers, one UTCB, one bound notification.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "kernel/frame.h"
#include "kernel/percpu.h"
#include "kernel/process.h"
#include "libipc/abi/utcb.h"

struct thread {
    struct exec exec;
    struct frame frame __attribute__((aligned(16)));
    uint64_t countdown;      // system calls until the thread is to stop; it wraps where there is no such
    uint64_t countdown_from; // what it would be if no call had been made: their number is the difference
    struct process *process; // [I]
    struct utcb *utcb;       // [I] in the pool window
    uint64_t fs_base;        // [I] the UTCB's address: user code finds its UTCB there
    uint32_t utcb_index;     // [I]
    bool stepping;           // a debug exception is a step, not a fault
    bool signalled;          // its notification may have bits for it
    struct node waiting;     // in an endpoint's waiters, or linked to itself
    struct reply *receive_into;
    struct ref notification; // bound
    struct node received;    // calls that it has not answered
    uint64_t waits, messages, cpu_time_at_wait;
    struct object *demolishing; // what it destroys, step by step
};

enum status thread_make(void *o, const struct request *r) MUST_CHECK;
bool thread_release(void *o);

static inline struct thread *current_thread(void)
{
    return CONTAINER(this_cpu()->current, struct thread, exec);
}

// Sends a fault message to the process's handler; without one the thread stops for ever.
void thread_fault(struct thread *t, enum fault_kind kind, uint64_t code, uint64_t address);

// The current thread stops before the system call that it just entered (entry.S).
void thread_stop(void);
