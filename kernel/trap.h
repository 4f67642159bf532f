// Ways into the kernel: exceptions, interrupts, system calls.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/thread.h"

enum { VECTOR_DEBUG = 1, VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8, VECTOR_PAGE_FAULT = 14 };

// Without I/O rights the map lies behind the segment's end: every access faults [SDM] 1 19.5.2.
enum { IO_MAP_NONE = 0xffff };

// The current thread's frame, address space and thread pointer into the CPU.
static inline void trap_load_thread(struct cpu *cpu, struct thread *t)
{
    const struct process *p = t->process;
    cpu->tss.rsp[0] = (uint64_t)(&t->frame + 1);
    if (cpu->root != p->cr3) {
        cpu->root = p->cr3;
        write_cr3(p->cr3);
        if (__builtin_expect(p->port_count | cpu->ports_open, 0))
            cpu->hazards |= HAZARD_PORTS;
    }
    if (cpu->fs_base != t->fs_base) {
        cpu->fs_base = t->fs_base;
        wrmsr(MSR_FS_BASE, (uint32_t)t->fs_base); // UTCBs lie low
    }
}

// The I/O rights of the current thread's process into the CPU.
void trap_load_ports(struct cpu *cpu);
// p's I/O rights changed, or it dies.
void trap_ports_changed(const struct process *p);

void trap_user(struct frame *f);   // from user mode; kernel_exit() follows
void trap_kernel(struct frame *f); // from the idle loop, or between a guest's exit and its handling
void fault_page(struct thread *t, uint64_t address, uint64_t error);

// interrupts of devices (irq.c)
void irq_dispatch(unsigned vector);
