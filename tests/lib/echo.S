// A system of a few instructions for the tests of scripts/machine: prints '>' and then what it is typed
// SPDX-License-Identifier: MIT
//
// On COM1, or the serial line whose first port is LINE. It leaves its input alone for a while first, and uses the UART
// without its FIFO, so that input has to wait outside.
// 'q' ends the run well, 'f' with failure 3, 'r' by a triple fault. Loaded by the multiboot protocol, 32-bit.

#ifndef LINE
#define LINE 0x3f8
#endif
#define LCR        (LINE + 3)
#define LSR        (LINE + 5)
#define LCR_DLAB   0x80
#define LCR_8N1    0x03
#define LSR_DR     0x01 // a byte has been received
#define LSR_THRE   0x20 // the next byte may be written
#define LSR_TEMT   0x40 // the last one is on its way
#define EXIT_PORT  0xf4
#define MB_MAGIC   0x1badb002
#define PAUSE_TURN 20000000

    .code32
    .align 4
    .long MB_MAGIC, 0, -MB_MAGIC

    .globl _start
_start:
    mov $LCR, %dx
    mov $LCR_DLAB | LCR_8N1, %al
    out %al, %dx
    mov $LINE, %dx
    mov $1, %al // divisor: 115200 baud
    out %al, %dx
    mov $LINE + 1, %dx
    xor %eax, %eax
    out %al, %dx
    mov $LCR, %dx
    mov $LCR_8N1, %al
    out %al, %dx

    mov $PAUSE_TURN, %ecx
1:  dec %ecx
    jnz 1b
    mov $'>', %bl
    jmp print

next:
    mov $LSR, %dx
2:  in %dx, %al
    test $LSR_DR, %al
    jz 2b
    mov $LINE, %dx
    in %dx, %al
    mov %al, %bl

    mov $LSR, %dx
3:  in %dx, %al
    test $LSR_TEMT, %al
    jz 3b

    xor %eax, %eax
    cmp $'q', %bl
    je end
    mov $3, %al
    cmp $'f', %bl
    je end
    cmp $'r', %bl
    je reset

print:
    mov $LSR, %dx
4:  in %dx, %al
    test $LSR_THRE, %al
    jz 4b
    mov %bl, %al
    mov $LINE, %dx
    out %al, %dx
    jmp next

end:
    out %al, $EXIT_PORT

reset:
    lidt no_idt
    ud2

no_idt:
    .word 0
    .long 0
