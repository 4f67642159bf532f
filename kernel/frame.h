// The registers of an interrupted thread, in the order in which the entry code pushes them.
// SPDX-License-Identifier: MIT
#pragma once

#define FRAME_R15       0
#define FRAME_R14       8
#define FRAME_R13       16
#define FRAME_R12       24
#define FRAME_RBP       32
#define FRAME_RBX       40
#define FRAME_R9        48
#define FRAME_R8        56
#define FRAME_R10       64
#define FRAME_RDX       72
#define FRAME_RSI       80
#define FRAME_RDI       88
#define FRAME_RAX       96
#define FRAME_VECTOR    120
#define FRAME_RIP       136
#define FRAME_RFLAGS    152
#define FRAME_RSP       160
#define FRAME_SIZE      176
#define FRAME_COUNTDOWN 176 // of struct thread: behind its frame
#define VECTOR_SYSCALL  256 // in frame.vector: came by SYSCALL, may leave by SYSRET

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x1b // SYSRET takes STAR[63:48] + 8 and + 16 [APM] 2 6.1.1
#define SELECTOR_USER_CODE   0x23
#define SELECTOR_TSS         0x28

// Offsets in struct cpu (kernel/percpu.h), by the GS base.
#define CPU_STACK_TOP 8
#define CPU_USER_RSP  32
#define CPU_HAZARDS   40
#define CPU_FRAME_TOP 68 // the TSS's RSP0

// What a system call's function returns beside enum status: the frame is complete already, or somebody else
// runs now.
#define SYSCALL_DONE 0x100

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, rcx, r11;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(offsetof(struct frame, vector) == FRAME_VECTOR, "entry.S");
_Static_assert(offsetof(struct frame, r9) == FRAME_R9 && offsetof(struct frame, rax) == FRAME_RAX, "entry.S");
_Static_assert(offsetof(struct frame, rip) == FRAME_RIP, "entry.S");
_Static_assert(sizeof(struct frame) == FRAME_SIZE, "entry.S");
#endif
