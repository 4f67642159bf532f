// Guest: 32-bit code with and without paging: ports, memory that is not there, interrupts, exceptions.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.macro GATE vector handler
    movw $\handler, GUEST_IDT + 8 * \vector
    movl $0x8e00, GUEST_IDT + 8 * \vector + 4
    movw $0x18, GUEST_IDT + 8 * \vector + 2
.endm

.code32
    mov $GUEST_STACK, %esp
    mov $0x12345678, %eax
    out %eax, $PORT_REPORT
    in $0x40, %al
    out %eax, $PORT_REPORT
    mov 0xfee00020, %ecx // nothing is there
    REPORT %ecx
    // one 4 MiB page, then paging (the monitor carries out the writes of CR4 and CR0)
    movl $0x83, 0xc000
    mov $0xc000, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov %cr0, %eax
    shr $31, %eax
    out %eax, $PORT_REPORT
    cpuid
    out %eax, $PORT_REPORT
    GATE 13 exception
    GATE 0x22 interrupt
    lgdt gdt_pointer
    lidt idt_pointer
    xor %ebx, %ebx
    REPORT $2 // the monitor offers an interrupt
    REPORT %ebx // 0: IF is clear
    sti
    nop
    nop
    cli
    REPORT %ebx // 1
    REPORT $3 // the monitor injects an exception
    REPORT $4
    DONE
interrupt:
    inc %ebx
    iret
exception:
    pop %eax
    out %eax, $PORT_ERROR
    iret
idt_pointer:
    .word 0x23 * 8 - 1
    .long GUEST_IDT
    SEGMENTS
