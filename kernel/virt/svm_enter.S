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
#include "kernel/virt/registers.S"

    .text
    .globl svm_enter, svm_enter_end
svm_enter:
    push_kept
    push %rdx
    push %rsi
    mov %rsi, %rax
    vmsave %rax
    mov %rdi, %rax
    test %ecx, %ecx
    load_guest rdx
    mov 16(%rdx), %rdx
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
    save_guest rdx
    pop_kept
    ret
1:  vmload %rax
    sti
    vmrun %rax
    jmp 0b
svm_enter_end:

    .section .note.GNU-stack, "", @progbits
