// Extended state (x87, SSE, AVX, ...) of threads and vCPUs, switched eagerly.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"

extern uint64_t fpu_mask; // [I] XCR0 of threads, and what a guest may set

void fpu_init(void);             // once, before any area is allocated
void fpu_init_cpu(void);         // on each CPU
size_t fpu_bytes(void);          // of an area
bool fpu_xcr0_ok(uint64_t xcr0); // may a guest have this value?
void *fpu_alloc(struct process *payer);
void fpu_free(struct exec *e);
void fpu_save(struct exec *e); // its area is up to date
// A guest's XCR0 is read back when its state is saved: an emulator that does not intercept XSETBV lets the
// guest change it alone (kernel/virt says more).
void fpu_leave_guest(struct exec *e);

// Saves the owner's state, loads to's.
static inline void fpu_switch(struct cpu *cpu, struct exec *to)
{
    struct exec *from = cpu->fpu_owner;
    uint32_t low = (uint32_t)fpu_mask, high = (uint32_t)(fpu_mask >> 32);
    if (from) {
        if (from->object.type == OBJECT_VCPU)
            fpu_leave_guest(from);
        asm volatile("xsave64 (%0)" ::"r"(from->fpu), "a"(low), "d"(high) : "memory");
    }
    cpu->fpu_owner = to;
    asm volatile("xrstor64 (%0)" ::"r"(to->fpu), "a"(low), "d"(high) : "memory");
    if (to->object.type == OBJECT_VCPU && to->xcr0 != fpu_mask)
        xsetbv(0, to->xcr0);
}
