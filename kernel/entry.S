// Entry and exit code: SYSCALL, exceptions and interrupts.
// SPDX-License-Identifier: MIT
//
// A thread's registers go straight into its struct frame: the TSS's RSP0, and for SYSCALL cpu->frame_top, point behind
// it. C then runs on the CPU's one stack. Nothing blocks in the kernel: whoever waits has all its state in its frame.
#include "kernel/frame.h"

.macro PUSH_REGISTERS
    push %r11
    push %rcx
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %r10
    push %r8
    push %r9
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro POP_REGISTERS
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r9
    pop %r8
    pop %r10
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    pop %rcx
    pop %r11
.endm

.text
.global syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_FRAME_TOP, %rsp
    push $SELECTOR_USER_DATA
    push %gs:CPU_USER_RSP
    push %r11
    push $SELECTOR_USER_CODE
    push %rcx
    push $0
    push $VECTOR_SYSCALL
    PUSH_REGISTERS
    decq FRAME_COUNTDOWN(%rsp)
    mov %gs:CPU_STACK_TOP, %rsp
    jz .Lstop
    mov %r10, %rcx                  // C's fourth argument
    movzbl %al, %eax
    cmp $SYSCALLS, %eax
    jae .Lbad_number
    call *syscall_table(, %rax, 8)
.Lreturned:
    mov %gs:CPU_FRAME_TOP, %rcx
    cmp $SYSCALL_DONE, %eax
    jae .Lslow
    cmpl $0, %gs:CPU_HAZARDS
    jne .Lslow_status
    // Straight back: callee-saved registers are as C found them, results and arguments come from the frame.
    mov (FRAME_R9 - FRAME_SIZE)(%rcx), %r9
    mov (FRAME_R9 + 8 - FRAME_SIZE)(%rcx), %r8
    mov (FRAME_R9 + 16 - FRAME_SIZE)(%rcx), %r10
    mov (FRAME_R9 + 24 - FRAME_SIZE)(%rcx), %rdx
    mov (FRAME_R9 + 32 - FRAME_SIZE)(%rcx), %rsi
    mov (FRAME_R9 + 40 - FRAME_SIZE)(%rcx), %rdi
    mov (FRAME_RIP_OFFSET + 16 - FRAME_SIZE)(%rcx), %r11
    mov (FRAME_RIP_OFFSET + 24 - FRAME_SIZE)(%rcx), %rsp
    mov (FRAME_RIP_OFFSET - FRAME_SIZE)(%rcx), %rcx
    swapgs
    sysretq
.Lbad_number:
    mov $1, %eax                    // STATUS_BAD_ARG
    jmp .Lreturned
.Lstop:
    call thread_stop
    jmp .Lslow
.Lslow_status:
    mov %eax, %eax
    mov %rax, (FRAME_RAX - FRAME_SIZE)(%rcx)
.Lslow:
    cmpl $0, %gs:CPU_HAZARDS
    je return_to_user
    call kernel_exit
    // falls through

// Loads the current thread's frame. SYSRET where it came by SYSCALL: RCX and R11 are the caller's to lose then.
.global return_to_user
return_to_user:
    mov %gs:CPU_FRAME_TOP, %rsp
    sub $FRAME_SIZE, %rsp
    cmpl $VECTOR_SYSCALL, FRAME_VECTOR_OFFSET(%rsp)
    jne .Liret
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r9
    pop %r8
    pop %r10
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rax
    mov (FRAME_RIP_OFFSET - FRAME_RAX - 8)(%rsp), %rcx
    mov (FRAME_RIP_OFFSET + 16 - FRAME_RAX - 8)(%rsp), %r11
    mov (FRAME_RIP_OFFSET + 24 - FRAME_RAX - 8)(%rsp), %rsp
    swapgs
    sysretq
.Liret:
    POP_REGISTERS
    add $16, %rsp
    swapgs
    iretq

// Exceptions and interrupts: one stub a vector, 16 bytes apart.
.balign 16
.global trap_stubs
trap_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
.endr

trap_common:
    testb $3, 24(%rsp)
    jz .Lfrom_kernel
    swapgs
    PUSH_REGISTERS
    cld
    mov %rsp, %rdi
    mov %gs:CPU_STACK_TOP, %rsp
    call trap_user
    call kernel_exit
    jmp return_to_user
.Lfrom_kernel:
    PUSH_REGISTERS
    cld
    mov %rsp, %rdi
    call trap_kernel
    POP_REGISTERS
    add $16, %rsp
    iretq

// NMI on its own stack: GS may be anybody's, so nothing is touched that needs it.
.global nmi_entry
nmi_entry:
    iretq

.section .note.GNU-stack, "", @progbits
