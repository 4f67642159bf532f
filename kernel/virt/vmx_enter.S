// Intel VMX: into the guest and back
// SPDX-License-Identifier: MIT
//
// bool vmx_enter(uint64_t **gpr, bool launched)
//
// RDI: where struct vmx_vcpu has the pointer to the guest's registers, with a word below for one of them and one
// above for our stack pointer; HOST_RSP is RDI. RSI: VMRESUME, not VMLAUNCH. RSP is in the VMCS. IF is clear, and an
// exit leaves it so. Returns false when the instruction was refused, the stack being where it was.

#define GPR(n) (8 * n)(%rax)

    .text
    .globl vmx_enter, vmx_exit_entry
vmx_enter:
    .irp r, rbp, rbx, r12, r13, r14, r15
    push %\r
    .endr
    mov %rsp, 8(%rdi)
    test %esi, %esi
    mov (%rdi), %rax
    mov GPR(1), %rcx
    mov GPR(2), %rdx
    mov GPR(3), %rbx
    mov GPR(5), %rbp
    mov GPR(6), %rsi
    mov GPR(7), %rdi
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov GPR(\n), %r\n
    .endr
    mov GPR(0), %rax
    jz 1f
    vmresume
    jmp 2f
1:  vmlaunch
2:  xor %eax, %eax
    jmp 3f
vmx_exit_entry:
    push %rax
    mov 8(%rsp), %rax
    mov %rcx, GPR(1)
    mov %rdx, GPR(2)
    mov %rbx, GPR(3)
    mov %rbp, GPR(5)
    mov %rsi, GPR(6)
    mov %rdi, GPR(7)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov %r\n, GPR(\n)
    .endr
    pop %rcx
    mov %rcx, GPR(0)
    mov 8(%rsp), %rsp
    mov $1, %eax
3:  .irp r, r15, r14, r13, r12, rbx, rbp
    pop %\r
    .endr
    ret

    .section .note.GNU-stack, "", @progbits
