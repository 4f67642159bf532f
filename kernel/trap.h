// Ways into the kernel: exceptions, interrupts, system calls.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/percpu.h"
#include "kernel/thread.h"

enum { VECTOR_DEBUG = 1, VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8, VECTOR_PAGE_FAULT = 14 };

// The current thread's frame, address space, thread pointer and I/O rights into the CPU.
void trap_load_thread(struct cpu *cpu, struct thread *t);
// The I/O rights in the TSS are p's no more: it changed or died.
void trap_forget_ports(const struct process *p);

void trap_user(struct frame *f);   // from user mode; kernel_exit() follows
void trap_kernel(struct frame *f); // from the idle loop, or between a guest's exit and its handling
void fault_page(struct thread *t, uint64_t address, uint64_t error);

// interrupts of devices (irq.c)
void irq_dispatch(unsigned vector);
