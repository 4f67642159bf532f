// Extended state (x87, SSE, AVX, ...) of threads and vCPUs, switched eagerly.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "kernel/platform/x86.h"

enum { FPU_MXCSR = 24, FPU_COMPONENTS = 512 }; // bytes of an area [SDM] 1 13.4

extern uint64_t fpu_mask; // [I] XCR0 of threads, and what a guest may set

void fpu_init(void);             // once, before any area is allocated
size_t fpu_bytes(void);          // of an area
bool fpu_xcr0_ok(uint64_t xcr0); // may a guest have this value?
void *fpu_alloc(struct process *payer);
void fpu_free(struct exec *e);

// The current exec's state from the registers to its area, and back. A guest's XCR0 is read back: an emulator
// that does not intercept XSETBV lets the guest change it alone (kernel/virt says more).
static inline void fpu_save(struct exec *e)
{
    if (e->object.type == OBJECT_VCPU) {
        e->xcr0 = xgetbv(0);
        if (e->xcr0 != fpu_mask)
            xsetbv(0, fpu_mask);
    }
    asm volatile("xsave64 (%0)" ::"r"(e->fpu), "a"(-1), "d"(-1) : "memory");
}

static inline void fpu_exchange(void *from, const void *to)
{
    asm volatile("xsave64 (%0); xrstor64 (%1)" ::"r"(from), "r"(to), "a"(-1), "d"(-1) : "memory");
}

static inline void fpu_load(struct exec *e)
{
    asm volatile("xrstor64 (%0)" ::"r"(e->fpu), "a"(-1), "d"(-1) : "memory");
    if (e->object.type == OBJECT_VCPU && e->xcr0 != fpu_mask)
        xsetbv(0, e->xcr0);
}
