// AMD SVM: into the guest and back
// SPDX-License-Identifier: MIT
//
// void svm_enter(uint64_t vmcb, uint64_t host, uint64_t *gpr, bool shadow)
//
// RDI, RSI: physical addresses of the guest's VMCB and of the page for the host's FS, GS, TR, LDTR and MSRs. RDX:
// the guest's registers by their numbers; RAX and RSP are in the VMCB. Called with IF clear; between CLGI and
// STGI nothing can come in, so IF may be set, which with V_INTR_MASKING lets physical interrupts end the guest
// [APM] 2 15.21.1, and GS is the kernel's again before anything else runs.
//
// An instruction between STI and VMRUN takes STI's shadow away. Where the guest is to start in a shadow there is
// none: a CPU loads the shadow from the VMCB, the emulator does not but keeps ours (svm_quirks.c).

#define GPR(n) (8 * n)(%rdx)

    .text
    .globl svm_enter, svm_enter_end
svm_enter:
    .irp r, rbp, rbx, r12, r13, r14, r15
    push %\r
    .endr
    push %rdx
    push %rsi
    mov %rsi, %rax
    vmsave %rax
    mov %rdi, %rax
    test %ecx, %ecx
    mov GPR(1), %rcx
    mov GPR(3), %rbx
    mov GPR(5), %rbp
    mov GPR(6), %rsi
    mov GPR(7), %rdi
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov GPR(\n), %r\n
    .endr
    mov GPR(2), %rdx
    clgi
    jnz 1f
    sti
    vmload %rax
    vmrun %rax
0:  vmsave %rax
    pop %rax
    vmload %rax
    cli
    stgi
    pop %rax
    mov %rdx, 16(%rax)
    mov %rax, %rdx
    mov %rcx, GPR(1)
    mov %rbx, GPR(3)
    mov %rbp, GPR(5)
    mov %rsi, GPR(6)
    mov %rdi, GPR(7)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov %r\n, GPR(\n)
    .endr
    .irp r, r15, r14, r13, r12, rbx, rbp
    pop %\r
    .endr
    ret
1:  vmload %rax
    sti
    vmrun %rax
    jmp 0b
svm_enter_end:

    .section .note.GNU-stack, "", @progbits
