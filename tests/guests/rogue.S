// A Multiboot guest that does what no guest should. The first letter behind the file's name in its command line chooses.
// SPDX-License-Identifier: MIT
//
// "ports" writes random values to every port and reads it, but for those that would end or reset the machine; "msrs" does so
// with the registers of all known ranges; "control" writes reserved bits and sets EFER.LME in the orders that harm hosts;
// "random" executes random bytes. Whoever comes to the end of its list dies of a triple fault, with a mark in EBX: 0x600d and
// how many #GP there were. Anything else just dies.

#include "tests/guests/guest.h"

#define MULTIBOOT 0x1badb002
#define ADDRESSES 0x10000
#define INFO_LINE 16

#define CODE 0x10 // where the loader's segment is
#define CODE_LONG 0x20
#define GP 13
#define MARK 0x600d

#define EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG 0x80000000
#define CR4_PAE 0x20

#define RANDOM_CODE 0x20000
#define RANDOM_WORDS 0x4000

    .code32
    .text
begin:
    .long MULTIBOOT, ADDRESSES, -(MULTIBOOT + ADDRESSES)
    .long begin, begin, 0, 0, start

// EAX: the next of a sequence that never ends; destroys EDI.
.macro RANDOM
    mov %ebp, %edi
    shl $13, %edi
    xor %edi, %ebp
    mov %ebp, %edi
    shr $17, %edi
    xor %edi, %ebp
    mov %ebp, %edi
    shl $5, %edi
    xor %edi, %ebp
    mov %ebp, %eax
.endm

// Instructions that may give #GP; EBX counts these.
.macro TRY code:vararg
    movl $9f, resume
    \code
9:
.endm

// Writes a register with one bit changed, each in its turn; the register keeps what it had where that works out.
.macro FLIP_ALL register
    mov %\register, %esi
    mov $1, %ecx
0:  mov %esi, %eax
    xor %ecx, %eax
    TRY mov %eax, %\register
    out %al, $0x80 // an exit in this state
    mov %esi, %eax
    TRY mov %eax, %\register
    add %ecx, %ecx
    jnz 0b
.endm

.macro WRITE_EFER value
    mov $EFER, %ecx
    mov $\value, %eax
    xor %edx, %edx
    TRY wrmsr
    out %al, $0x80
.endm

start:
    mov $GUEST_STACK, %esp
    cld
    mov INFO_LINE(%ebx), %esi
    xor %ebx, %ebx
    mov $0x2545f491, %ebp
    lgdt gdt_pointer
    lidt idt_pointer
1:  lodsb // the word behind the first space
    test %al, %al
    jz die
    cmp $' ', %al
    jne 1b
    lodsb
    cmp $'p', %al
    je ports
    cmp $'m', %al
    je msrs
    cmp $'c', %al
    je control
    cmp $'r', %al
    je random
die:
    lidt nowhere
    ud2

done:
    or $MARK << 16, %ebx
    jmp die

fault: // #GP
    inc %ebx
    add $4, %esp
    pushl resume
    popl (%esp)
    iret

    .code64
fault_long:
    inc %ebx
    add $8, %rsp
    pushq resume(%rip)
    popq (%rsp)
    iretq
    .code32

// ---- every port ----

ports:
    xor %edx, %edx
1:  mov $port_holes, %esi
2:  lodsw
    test %ax, %ax
    jz 3f
    movzwl (%esi), %ecx
    add $2, %esi
    cmp %ax, %dx
    jb 2b
    cmp %cx, %dx
    jbe 5f
    jmp 2b
3:  RANDOM
    test $0x10000, %eax
    jz 4f
    out %al, %dx
    in %dx, %al
    jmp 5f
4:  test $0x20000, %eax
    jz 4f
    out %ax, %dx
    in %dx, %ax
    jmp 5f
4:  out %eax, %dx
    in %dx, %eax
5:  inc %edx
    cmp $0x10000, %edx
    jb 1b
    jmp done

port_holes: // first, last: controller of the keyboard, system control, ACPI's control register, reset control
    .word 0x64, 0x64, 0x92, 0x92, 0x601, 0x607, 0xcf9, 0xcf9, 0

// ---- every MSR ----

msrs:
    mov $msr_ranges, %esi
1:  lodsl
    mov %eax, %ecx
    lodsl
    test %eax, %eax
    jz done
    push %eax
2:  TRY rdmsr
    RANDOM
    mov %eax, %edx
    RANDOM
    TRY wrmsr
    inc %ecx
    cmp (%esp), %ecx
    jb 2b
    pop %eax
    jmp 1b

msr_ranges: // first, end
    .long 0, 0x2000, 0x40000000, 0x40000200, 0x4b564d00, 0x4b564d10, 0xc0000000, 0xc0002000, 0xc0010000, 0xc0012000, 0, 0

// ---- control registers ----

control:
    FLIP_ALL cr4
    FLIP_ALL cr3
    mov %cr0, %esi // bit by bit but PE, without which this code is another, and PG, which comes below
    mov $2, %ecx
1:  mov %esi, %eax
    xor %ecx, %eax
    TRY mov %eax, %cr0
    out %al, $0x80
    mov %esi, %eax
    TRY mov %eax, %cr0
    add %ecx, %ecx
    jns 1b
    mov $0xffffdfff, %eax // but GD, which is to stop the next access
    mov %eax, %dr7
    mov %eax, %dr6
    xor %eax, %eax
    mov %eax, %dr7

    WRITE_EFER EFER_LME // no PAE, no PG: an exit in this state is what harms
    mov %cr0, %esi
    mov %esi, %eax
    or $CR0_PG, %eax
    TRY mov %eax, %cr0 // #GP: no PAE
    out %al, $0x80
    WRITE_EFER 0
    mov $identity, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    WRITE_EFER EFER_LME
    mov %esi, %eax
    or $CR0_PG, %eax
    TRY mov %eax, %cr0 // into long mode, in code of 32 bits
    lidt idt_long_pointer
    out %al, $0x80
    WRITE_EFER 0 // #GP: paging is on
    mov %cr4, %eax
    and $~CR4_PAE, %eax
    TRY mov %eax, %cr4 // #GP: long mode needs it
    mov %esi, %eax
    TRY mov %eax, %cr0 // out again
    lidt idt_pointer
    out %al, $0x80
    mov %cr4, %eax
    and $~CR4_PAE, %eax
    mov %eax, %cr4
    out %al, $0x80 // LME alone once more
    jmp done

// ---- random bytes ----

random:
    mov $RANDOM_CODE, %esi
    mov $RANDOM_WORDS, %ecx
1:  RANDOM
    mov %eax, (%esi)
    add $4, %esi
    loop 1b
    mov $RANDOM_CODE, %eax
    jmp *%eax

    .balign 8
gdt:
    .quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
idt:
    .fill GP * 8, 1, 0
    .word fault - begin + GUEST_ENTRY, CODE, 0x8e00, 0
idt_long:
    .fill GP * 16, 1, 0
    .word fault_long - begin + GUEST_ENTRY, CODE_LONG, 0x8e00, 0
    .quad 0
gdt_pointer:
    .word 5 * 8 - 1
    .long gdt
idt_pointer:
    .word (GP + 1) * 8 - 1
    .long idt
idt_long_pointer:
    .word (GP + 1) * 16 - 1
    .long idt_long
nowhere:
    .word 0
    .long 0
resume:
    .quad 0

    .balign 4096
identity: // long mode's: the first 2 MiB
    .long identity + 0x1003, 0
    .fill 4088, 1, 0
    .long identity + 0x2003, 0
    .fill 4088, 1, 0
    .long 0x83, 0
    .fill 4088, 1, 0
