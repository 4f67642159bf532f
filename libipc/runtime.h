// What the parts of the runtime know of each other: the per-thread area, the heap's and programs' beginning.
// SPDX-License-Identifier: MIT
//
// A thread's area lies in the unused end of its UTCB: it is found in one instruction, comes with the thread
// and goes with it.
#pragma once

#include <stddef.h>
#include <sys/reent.h>

#include "libipc/start.h"
#include "libipc/syscall.h"

struct thread_area {
    struct _reent reent;
    uint64_t bits; // of the bound notification: taken by a wait that was not for them
};

_Static_assert(sizeof(struct thread_area) <= sizeof(((struct utcb *)0)->tail), "the area lies in the UTCB");
_Static_assert(offsetof(struct utcb, tail) % _Alignof(struct thread_area) == 0, "the area lies in the UTCB");

static inline struct thread_area *thread_area(void)
{
    return (struct thread_area *)(void *)utcb()->tail;
}

void thread_area_init(void);
void heap_init(uint64_t end);

_Noreturn void start_program(struct utcb *own, uint64_t heap_end, enum start_kind kind, uint64_t argument);
_Noreturn void thread_begin(void (*run)(void *), void *argument);
void thread_entry(void); // where threads begin; not to be called
