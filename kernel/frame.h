// The registers of an interrupted thread, in the order in which the entry code pushes them.
// SPDX-License-Identifier: MIT
#pragma once

// What SYSCALL's entry saves; all general registers; what the hardware pushes, and the stubs before it.
#define FRAME_SYSCALL   r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax
#define FRAME_REGISTERS FRAME_SYSCALL, rcx, r11
#define FRAME_HARDWARE  vector, error, rip, cs, rflags, rsp, ss

#define VECTOR_SYSCALL 256 // in frame.vector: came by SYSCALL, may leave by SYSRET

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
#include <stdint.h>

struct frame {
    uint64_t FRAME_REGISTERS, FRAME_HARDWARE;
};
#endif
