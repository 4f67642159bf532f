// Per-CPU data, reached by the GS base
// SPDX-License-Identifier: MIT
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/platform/layout.h"

// [I] immutable after boot
struct cpu {
    struct cpu *self;    // [I] first: `mov %gs:0` finds the structure
    uint64_t stack_top;  // [I] of the CPU's kernel stack, 16-byte aligned, a guard page below the stack
    uint32_t id;         // [I] index in cpus[]; 0 is the CPU that booted
    uint32_t apic_id;    // [I]
    _Atomic bool online; // set by the CPU itself when cpu_init() is done
};

_Static_assert(offsetof(struct cpu, self) == 0, "this_cpu() reads %gs:0");
_Static_assert(offsetof(struct cpu, stack_top) == 8, "start-up and entry code read %gs:8");

extern struct cpu *cpus[MAX_CPUS]; // [I] cpus[0..cpu_count-1], some of them possibly not online
extern uint32_t cpu_count;         // [I]

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    asm("mov %%gs:0, %0" : "=r"(c));
    return c;
}

// Of the core: tables and registers that belong to one CPU (GDT, TSS, IDT, SYSCALL). Runs on that CPU,
// interrupts off.
void cpu_init(struct cpu *cpu);
