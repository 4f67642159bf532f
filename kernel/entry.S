// Entry and exit code: SYSCALL, exceptions and interrupts.
// SPDX-License-Identifier: MIT
//
// A thread's registers go straight into its struct frame: the TSS's RSP0, and for SYSCALL cpu->frame_top, point behind
// it. C then runs on the CPU's one stack. Nothing blocks in the kernel: whoever waits has all its state in its frame.
#include "kernel/frame.h"

// The offset of each field: frame_r15, ...
.set offset, 0
.irp field, FRAME_REGISTERS, FRAME_HARDWARE
    .set frame_\field, offset
    .set offset, offset + 8
.endr
.set frame_size, offset

.macro PUSH_REGISTERS
    sub $frame_vector, %rsp
    .irp register, FRAME_REGISTERS
    mov %\register, frame_\register(%rsp)
    .endr
.endm

.macro POP_REGISTERS registers:vararg
    .irp register, \registers
    pop %\register
    .endr
.endm

// From the frame's end.
#define FRAME(field)    (frame_##field - frame_size)(%rsp)
#define FRAME_COUNTDOWN (%rsp) // of struct thread: behind its frame

.text
.global syscall_entry
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_USER_RSP
    mov %gs:CPU_FRAME_TOP, %rsp
    mov %rcx, FRAME(rip)
    mov %gs:CPU_USER_RSP, %rcx
    mov %r11, FRAME(rflags)
    mov %rcx, FRAME(rsp)
    movq $VECTOR_SYSCALL, FRAME(vector)
    .irp register, FRAME_SYSCALL
    mov %\register, (frame_\register - frame_size)(%rsp)
    .endr
    decq FRAME_COUNTDOWN
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
    .irp register, r9, r8, r10, rdx, rsi, rdi
    mov (frame_\register - frame_size)(%rsp), %\register
    .endr
    mov FRAME(rflags), %r11
    mov FRAME(rip), %rcx
    mov FRAME(rsp), %rsp
    swapgs
    sysretq
.Lstop:
    call thread_stop
    jmp .Lsettle
.Lstatus:
    mov %eax, %eax
    mov %rax, FRAME(rax)
.Lsettle:
    mov %gs:CPU_STACK_TOP, %rsp
    call kernel_exit

// Loads the current thread's frame. SYSRET where it came by SYSCALL: RCX and R11 are the caller's to lose then.
.global return_to_user
return_to_user:
    mov %gs:CPU_FRAME_TOP, %rsp
.Lelsewhere:
    sub $frame_size, %rsp

// The same with the frame in RSP.
.global return_to_frame
return_to_frame:
    cmpl $0, %gs:CPU_HAZARDS
    jne .Lsettle
    cmpl $VECTOR_SYSCALL, frame_vector(%rsp)
    jne .Liret
    POP_REGISTERS FRAME_SYSCALL
    mov (frame_rip - frame_rcx)(%rsp), %rcx
    mov (frame_rflags - frame_rcx)(%rsp), %r11
    mov (frame_rsp - frame_rcx)(%rsp), %rsp
    swapgs
    sysretq
.Liret:
    POP_REGISTERS FRAME_REGISTERS
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
    POP_REGISTERS FRAME_REGISTERS
    add $16, %rsp
    iretq

// Debug exceptions, on a stack of their own: a single step of SYSCALL may trap at the kernel's first instruction, where
// RSP is the caller's [SDM] 3B 18.3.1.4 (processors do not, Bochs does). SYSCALL has masked TF, so such a one is over with
// its IRET. Those of user mode go on where RSP0 would have put them.
.global debug_entry
debug_entry:
    testb $3, 8(%rsp)
    jz 1f
    swapgs
    push %rax
    push %rcx
    mov %gs:CPU_FRAME_TOP, %rax
    swapgs
    .irp word, 0, 8, 16, 24, 32
    mov 16 + \word(%rsp), %rcx
    mov %rcx, \word - 40(%rax)
    .endr
    pop %rcx
    sub $40, %rax
    xchg %rax, (%rsp)
    pop %rsp
    push $0
    push $1
    jmp trap_common
1:  iretq

// NMI on its own stack: GS may be anybody's, so nothing is touched that needs it.
.global nmi_entry
nmi_entry:
    iretq

.section .note.GNU-stack, "", @progbits
