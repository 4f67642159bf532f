// Threads of the own process.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/status.h"

struct thread_plan {
    uint32_t slot;     // of the own table, free: gets the capability
    uint32_t index;    // of its UTCB; the first thread has 0
    uint32_t priority; // 0..PRIORITY_MAX
    void *stack;
    size_t stack_bytes;
    void (*run)(void *argument); // when it returns the thread ends as by thread_exit(0)
    void *argument;
};

// Creates the thread, paid by the own process, and starts it.
MUST_CHECK enum status thread_start(const struct thread_plan *plan);

// Ends the running thread: its process's handler gets a last fault message.
_Noreturn void thread_exit(uint64_t code);

// The running thread receives the notification's bits from now on. `thread`: its slot.
MUST_CHECK enum status thread_bind(uint32_t thread, uint32_t notification);

// Sleeps until a deadline in TSC ticks. Bits that come meanwhile are kept for thread_take_bits().
void thread_sleep(uint64_t deadline);

// Bits of the bound notification that came while the thread waited for something else: keeps more of them;
// are there any; takes them all.
void thread_keep_bits(uint64_t bits);
bool thread_has_bits(void);
uint64_t thread_take_bits(void);
