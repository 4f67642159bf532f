// Extended state: XSAVE areas, XCR0.
// SPDX-License-Identifier: MIT
//
// The kernel itself uses none of it, so the registers keep their owner's state until somebody else runs.
#include "kernel/fpu.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/platform/x86.h"

enum { XSTATE_X87 = 1, XSTATE_SSE = 2, XSTATE_AVX = 4, XSTATE_AVX512 = 0xe0 };
enum { FCW_RESET = 0x37f /* at the area's start */, MXCSR_RESET = 0x1f80 };

uint64_t fpu_mask;
static size_t bytes;

void fpu_init(void)
{
    struct cpuid leaf = cpuid(0xd, 0);
    uint64_t offered = (uint64_t)leaf.edx << 32 | leaf.eax;
    fpu_mask = offered & (XSTATE_X87 | XSTATE_SSE | XSTATE_AVX);
    if ((offered & XSTATE_AVX512) == XSTATE_AVX512 && (fpu_mask & XSTATE_AVX))
        fpu_mask |= XSTATE_AVX512;
    xsetbv(0, fpu_mask);
    bytes = cpuid(0xd, 0).ebx; // for the XCR0 just set [SDM] 1 13.2
}

size_t fpu_bytes(void)
{
    return bytes;
}

// [SDM] 1 13.3: x87 always; AVX needs SSE; AVX-512's three only together and with AVX.
bool fpu_xcr0_ok(uint64_t xcr0)
{
    uint64_t big = xcr0 & XSTATE_AVX512;
    return !(xcr0 & ~fpu_mask) && (xcr0 & XSTATE_X87) && (!(xcr0 & XSTATE_AVX) || (xcr0 & XSTATE_SSE)) &&
           (!big || (big == XSTATE_AVX512 && (xcr0 & XSTATE_AVX)));
}

void *fpu_alloc(struct process *payer)
{
    char *area = kmem_alloc(payer, bytes);
    if (area) {
        *(uint16_t *)area = FCW_RESET;
        *(uint32_t *)(area + FPU_MXCSR) = MXCSR_RESET;
    }
    return area;
}

void fpu_free(struct exec *e)
{
    kmem_free(e->object.payer, e->fpu, bytes);
}
