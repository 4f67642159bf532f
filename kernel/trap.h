// Ways into the kernel: exceptions, interrupts, system calls.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/thread.h"

enum { VECTOR_DEBUG = 1, VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8, VECTOR_PAGE_FAULT = 14 };

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

// Without I/O rights the map lies behind the segment's end: every access faults [SDM] 1 19.5.2.
enum { IO_MAP_NONE = 0xffff };

void trap_load_ports(struct cpu *cpu, struct process *p);
void trap_load_fs_base(struct cpu *cpu, uint64_t base);

// The current thread's frame, address space, thread pointer and I/O rights into the CPU.
static inline void trap_load_thread(struct cpu *cpu, struct thread *t)
{
    struct process *p = t->process;
    uint64_t root = phys_of_pool(p->aspace.root);
    cpu->frame_top = &t->frame + 1;
    cpu->tss->rsp[0] = (uint64_t)cpu->frame_top;
    if (cpu->root != root) {
        cpu->root = root;
        write_cr3(root);
        if (p->port_count || cpu->tss->io_map != IO_MAP_NONE)
            trap_load_ports(cpu, p);
    }
    if (cpu->fs_base != t->fs_base)
        trap_load_fs_base(cpu, t->fs_base);
    if (t->demolishing)
        cpu->hazards |= HAZARD_DEMOLISH;
}

// p's I/O rights changed, or it dies.
void trap_ports_changed(struct process *p);

void trap_user(struct frame *f);   // from user mode; kernel_exit() follows
void trap_kernel(struct frame *f); // from the idle loop, or between a guest's exit and its handling
void fault_page(struct thread *t, uint64_t address, uint64_t error);

// interrupts of devices (irq.c)
void irq_dispatch(unsigned vector);
