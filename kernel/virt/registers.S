// For both back-ends: the registers that a function keeps, and the guest's by their numbers
// SPDX-License-Identifier: MIT
//
// Macros alone, included by the others. RSP is the control block's; of RAX and RDX each back-end treats one by itself,
// and one that points to the guest's registers.

    .macro push_kept
    .irp r, rbp, rbx, r12, r13, r14, r15
    push %\r
    .endr
    .endm

    .macro pop_kept
    .irp r, r15, r14, r13, r12, rbx, rbp
    pop %\r
    .endr
    .endm

    .macro load_guest gpr
    mov 8(%\gpr), %rcx
    mov 24(%\gpr), %rbx
    mov 40(%\gpr), %rbp
    mov 48(%\gpr), %rsi
    mov 56(%\gpr), %rdi
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov (8 * \n)(%\gpr), %r\n
    .endr
    .endm

    .macro save_guest gpr
    mov %rcx, 8(%\gpr)
    mov %rbx, 24(%\gpr)
    mov %rbp, 40(%\gpr)
    mov %rsi, 48(%\gpr)
    mov %rdi, 56(%\gpr)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov %r\n, (8 * \n)(%\gpr)
    .endr
    .endm

    .section .note.GNU-stack, "", @progbits
