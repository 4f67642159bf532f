// Architectural bits that the emulator looks at, and the small questions it asks of a vCPU's state.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"

#define RFLAGS_CF     (UINT64_C(1) << 0)
#define RFLAGS_PF     (UINT64_C(1) << 2)
#define RFLAGS_AF     (UINT64_C(1) << 4)
#define RFLAGS_ZF     (UINT64_C(1) << 6)
#define RFLAGS_SF     (UINT64_C(1) << 7)
#define RFLAGS_TF     (UINT64_C(1) << 8)
#define RFLAGS_DF     (UINT64_C(1) << 10)
#define RFLAGS_OF     (UINT64_C(1) << 11)
#define RFLAGS_IOPL   (UINT64_C(3) << 12)
#define RFLAGS_RF     (UINT64_C(1) << 16)
#define RFLAGS_VM     (UINT64_C(1) << 17)
#define RFLAGS_AC     (UINT64_C(1) << 18)
#define RFLAGS_STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

#define CR0_PE (UINT64_C(1) << 0)
#define CR0_EM (UINT64_C(1) << 2)
#define CR0_TS (UINT64_C(1) << 3)
#define CR0_WP (UINT64_C(1) << 16)
#define CR0_AM (UINT64_C(1) << 18)
#define CR0_PG (UINT64_C(1) << 31)

#define CR4_PSE     (UINT64_C(1) << 4)
#define CR4_PAE     (UINT64_C(1) << 5)
#define CR4_OSFXSR  (UINT64_C(1) << 9)
#define CR4_UMIP    (UINT64_C(1) << 11)
#define CR4_LA57    (UINT64_C(1) << 12)
#define CR4_OSXSAVE (UINT64_C(1) << 18)
#define CR4_SMEP    (UINT64_C(1) << 20)
#define CR4_SMAP    (UINT64_C(1) << 21)

#define EFER_LMA (UINT64_C(1) << 10)
#define EFER_NXE (UINT64_C(1) << 11)

#define SEG_ACCESSED    0x0001
#define SEG_WRITABLE    0x0002 // of data; of code: readable
#define SEG_EXPAND_DOWN 0x0004 // of data; of code: conforming
#define SEG_CODE        0x0008
#define SEG_NOT_SYSTEM  0x0010
#define SEG_DPL(seg)    ((seg)->attributes >> 5 & 3u)
#define SEG_PRESENT     0x0080
#define SEG_LONG        0x0200
#define SEG_BIG         0x0400

enum vector {
    VECTOR_DE = 0,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_NP = 11,
    VECTOR_SS,
    VECTOR_GP,
    VECTOR_PF,
    VECTOR_AC = 17
};

static inline bool cpu_long_mode(const struct vcpu_state *cpu)
{
    return cpu->efer & EFER_LMA;
}

static inline bool cpu_code64(const struct vcpu_state *cpu)
{
    return (cpu->efer & EFER_LMA) && (cpu->seg[SEG_CS].attributes & SEG_LONG);
}

// Only a sum that carries out of IP depends on the code's size.
static inline bool cpu_rip_carries(uint64_t rip, unsigned length)
{
    return (rip & 0xffff) + length > 0xffff;
}

// Behind an instruction: EIP wraps, and in 16-bit code IP.
static inline uint64_t cpu_next_rip(const struct vcpu_state *cpu, unsigned length)
{
    uint64_t next = cpu->rip + length;
    if (!cpu_rip_carries(cpu->rip, length) || cpu_code64(cpu))
        return next;
    return cpu->seg[SEG_CS].attributes & SEG_BIG ? (uint32_t)next : (uint16_t)next;
}

// Segments are selectors times 16, without descriptors: real mode and virtual-8086 mode.
static inline bool cpu_real_segments(const struct vcpu_state *cpu)
{
    return !(cpu->cr0 & CR0_PE) || (cpu->rflags & RFLAGS_VM);
}

static inline unsigned cpu_cpl(const struct vcpu_state *cpu)
{
    if (!(cpu->cr0 & CR0_PE))
        return 0;
    return cpu->rflags & RFLAGS_VM ? 3 : SEG_DPL(&cpu->seg[SEG_SS]);
}

static inline bool canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

// All ones in the low `size` bytes, 1 to 8.
static inline uint64_t size_mask(unsigned size)
{
    return ~UINT64_C(0) >> (64 - 8 * size);
}
