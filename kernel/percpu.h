// Per-CPU data, reached by the GS base, and the order in which locks are taken
// SPDX-License-Identifier: MIT
//
// Lock order, outermost first; whoever holds a lock takes only locks below it:
//   1. kernel lock     everything that system calls, exits and interrupts touch
//   2. console lock    kprintf(); may be taken anywhere. panic() does not take it.
// Both are taken with interrupts off: the kernel does not run with interrupts on except in its idle loop, and
// a holder that could be interrupted would let its own CPU spin on itself.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/frame.h"
#include "kernel/list.h"
#include "kernel/platform/layout.h"
#include "kernel/time.h"

struct exec;
struct process;

enum { PORT_BYTES = 65536 / 8 };

struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
    uint8_t ports[PORT_BYTES + 1]; // a set bit forbids; one more byte of ones ends it
    uint8_t pad[7];
};

// [I] immutable after boot
struct cpu {
    struct cpu *self;    // [I] first: `mov %gs:0` finds the structure
    uint64_t stack_top;  // [I] of the CPU's kernel stack, 16-byte aligned, a guard page below the stack
    uint32_t id;         // [I] index in cpus[]; 0 is the CPU that booted
    uint32_t apic_id;    // [I]
    _Atomic bool online; // set by the CPU itself when cpu_init() is done

    // The core's. All but the first four are touched by this CPU alone, interrupts off.
    uint64_t user_rsp;       // of a SYSCALL, for three instructions
    uint32_t hazards;        // enum hazard: why not to go straight back
    uint32_t ports_open;     // the TSS's I/O map is in reach
    struct exec *current;    // NULL: idle
    uint64_t root;           // physical address in CR3
    struct tss tss;          // [I] but for RSP0, the end of the current thread's registers, and the I/O map
    uint64_t gdt[7];         // [I]
    uint64_t run_start;      // TSC when `current` began
    uint64_t timer_deadline; // that the timer is armed for, UINT64_MAX: none
    uint64_t ready_map;      // bit n: ready[n] is not empty
    struct node ready[64];
    struct node timers;
    uint64_t fs_base;         // in the register
    struct process *ports_of; // whose I/O rights are in the TSS
    void *virt;               // [I] the back-end's
};

_Static_assert(offsetof(struct cpu, self) == 0, "this_cpu() reads %gs:0");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "entry.S");
_Static_assert(offsetof(struct cpu, tss.rsp) == CPU_FRAME_TOP, "entry.S");
_Static_assert(offsetof(struct cpu, hazards) == CPU_HAZARDS, "entry.S");
_Static_assert(offsetof(struct cpu, stack_top) == 8, "start-up and entry code read %gs:8");

extern struct cpu *cpus[MAX_CPUS]; // [I] cpus[0..cpu_count-1], some of them possibly not online
extern uint32_t cpu_count;         // [I]

#ifdef BULKHEAD_HOST
extern struct cpu host_cpu;
static inline struct cpu *this_cpu(void)
{
    return &host_cpu;
}
#else
static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    asm("mov %%gs:0, %0" : "=r"(c));
    return c;
}
#endif

// Of the core: tables and registers that belong to one CPU (GDT, TSS, IDT, SYSCALL). Runs on that CPU,
// interrupts off.
void cpu_init(struct cpu *cpu);
