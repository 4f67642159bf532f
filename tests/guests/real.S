// Guest: real mode: segments, the interrupt table, 16-bit port and string instructions.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code16
    mov $0x7000, %sp
    xor %ax, %ax
    mov %ax, %ss
    mov %ax, %es
    movw $handler16, %es:0x21 * 4
    movw $0, %es:0x21 * 4 + 2
    movw $interrupt16, %es:0x22 * 4
    movw $0, %es:0x22 * 4 + 2
    movw $undefined16, %es:6 * 4
    movw $0, %es:6 * 4 + 2
    mov $0xabcd, %bx
    int $0x21
    mov %bx, %ax
    out %ax, $PORT_REPORT
    mov $0x1000, %ax // physical 0x10000
    mov %ax, %es
    mov $0x5678, %eax
    mov %eax, %es:0x10
    mov $0x100, %ax
    mov %ax, %ds
    mov $0x1000, %ax
    mov %ax, %ds
    mov 0x10, %eax
    out %eax, $PORT_REPORT
    xor %di, %di
    mov $2, %cx
    mov $0x60, %dx
    rep insb
    hlt
    ljmp $0x13, $far - 0x130 // the same place; as a selector it would ask for privilege level 3
far:
    mov %cs, %ax
    out %ax, $PORT_REPORT
    mov %cr0, %eax // there is but one level in real mode
    xor %ebx, %ebx
    REPORT $1 // the monitor offers an interrupt
    REPORT %ebx // 0: IF is clear
    sti
    nop
    nop
    cli
    REPORT %ebx // 1
    REPORT $2 // the monitor injects an exception
    REPORT %ebx // 0x101
    DONE
handler16:
    xchg %bl, %bh
    iret
interrupt16:
    inc %bl
    iret
undefined16:
    inc %bh
    iret
