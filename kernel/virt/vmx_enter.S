// Intel VMX: into the guest and back
// SPDX-License-Identifier: MIT
//
// bool vmx_enter(uint64_t **gpr, bool launched)
//
// RDI: where struct vmx_vcpu has the pointer to the guest's registers, with a word below for one of them, and above our
// stack pointer and the guest's CR2; HOST_RSP is RDI. RSI: VMRESUME, not VMLAUNCH. RSP is in the VMCS. IF is clear, and
// an exit leaves it so. Returns false when the instruction was refused, the stack being where it was.
#include "kernel/virt/registers.S"

    .text
    .globl vmx_enter, vmx_exit_entry
vmx_enter:
    push_kept
    mov %rsp, 8(%rdi)
    mov 16(%rdi), %rax
    mov %rax, %cr2
    test %esi, %esi
    mov (%rdi), %rax
    load_guest rax
    mov 16(%rax), %rdx
    mov (%rax), %rax
    jz 1f
    vmresume
    jmp 2f
1:  vmlaunch
2:  xor %eax, %eax
    jmp 3f
vmx_exit_entry:
    push %rax
    mov 8(%rsp), %rax
    save_guest rax
    mov %rdx, 16(%rax)
    pop %rcx
    mov %rcx, (%rax)
    mov %cr2, %rax
    mov %rax, 16(%rsp)
    mov 8(%rsp), %rsp
    mov $1, %eax
3:  pop_kept
    ret

    .section .note.GNU-stack, "", @progbits
