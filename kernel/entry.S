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

#define FRAME(field) ((field) - FRAME_SIZE)(%rsp)

.text
.global syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_FRAME_TOP, %rsp
    mov %rcx, FRAME(FRAME_RIP)
    mov %gs:CPU_USER_RSP, %rcx
    mov %r11, FRAME(FRAME_RFLAGS)
    mov %rcx, FRAME(FRAME_RSP)
    movq $VECTOR_SYSCALL, FRAME(FRAME_VECTOR)
    mov %rax, FRAME(FRAME_RAX)
    mov %rdi, FRAME(FRAME_RDI)
    mov %rsi, FRAME(FRAME_RSI)
    mov %rdx, FRAME(FRAME_RDX)
    mov %r10, FRAME(FRAME_R10)
    mov %r8, FRAME(FRAME_R8)
    mov %r9, FRAME(FRAME_R9)
    mov %rbx, FRAME(FRAME_RBX)
    mov %rbp, FRAME(FRAME_RBP)
    mov %r12, FRAME(FRAME_R12)
    mov %r13, FRAME(FRAME_R13)
    mov %r14, FRAME(FRAME_R14)
    mov %r15, FRAME(FRAME_R15)
    decq FRAME(FRAME_COUNTDOWN)
    mov %gs:CPU_STACK_TOP, %rsp
    jz .Lstop
    mov %r10, %rcx                  // C's fourth argument
    movzbl %al, %eax
    call *syscall_table(, %rax, 8)
    mov %gs:CPU_FRAME_TOP, %rsp
    cmp $SYSCALL_DONE, %eax
    jae .Lelsewhere
    cmpl $0, %gs:CPU_HAZARDS
    jne .Lstatus
    // Straight back: callee-saved registers are as C found them, results and arguments come from the frame.
    mov FRAME(FRAME_R9), %r9
    mov FRAME(FRAME_R8), %r8
    mov FRAME(FRAME_R10), %r10
    mov FRAME(FRAME_RDX), %rdx
    mov FRAME(FRAME_RSI), %rsi
    mov FRAME(FRAME_RDI), %rdi
    mov FRAME(FRAME_RFLAGS), %r11
    mov FRAME(FRAME_RIP), %rcx
    mov FRAME(FRAME_RSP), %rsp
    swapgs
    sysretq
.Lstop:
    call thread_stop
    jmp .Lsettle
.Lstatus:
    mov %eax, %eax
    mov %rax, FRAME(FRAME_RAX)
.Lsettle:
    mov %gs:CPU_STACK_TOP, %rsp
    call kernel_exit

// Loads the current thread's frame. SYSRET where it came by SYSCALL: RCX and R11 are the caller's to lose then.
.global return_to_user
return_to_user:
    mov %gs:CPU_FRAME_TOP, %rsp
.Lelsewhere:
    sub $FRAME_SIZE, %rsp

// The same with the frame in RSP.
.global return_to_frame
return_to_frame:
    cmpl $0, %gs:CPU_HAZARDS
    jne .Lsettle
    cmpl $VECTOR_SYSCALL, FRAME_VECTOR(%rsp)
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
    mov (FRAME_RIP - FRAME_RAX - 8)(%rsp), %rcx
    mov (FRAME_RFLAGS - FRAME_RAX - 8)(%rsp), %r11
    mov (FRAME_RSP - FRAME_RAX - 8)(%rsp), %rsp
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
