// Stands where a Linux kernel begins: prints the time-stamp counter in 16 hexadecimal digits on COM1 and powers off
// SPDX-License-Identifier: MIT
//
// Written over the 64-bit entry point of a copy of a kernel image, it runs after the same firmware, loader and
// 16- and 32-bit code as the kernel itself would. There is no stack. The power-off port is where QEMU's and Bochs' BIOS
// put it on a PIIX4.

#define COM1      0x3f8
#define LCR       (COM1 + 3)
#define LSR       (COM1 + 5)
#define LCR_DLAB  0x80
#define LCR_8N1   0x03
#define LSR_THRE  0x20 // the next byte may be written
#define LSR_TEMT  0x40 // the last one is on its way
#define QEMU_PM1  0x604
#define BOCHS_PM1 0xb004
#define SLEEP_S5  0x2000

    .code64
    rdtsc
    mov %eax, %ebx
    shl $32, %rdx
    or %rdx, %rbx
    mov $LCR, %dx
    mov $LCR_DLAB | LCR_8N1, %al
    out %al, %dx
    mov $COM1, %dx
    mov $1, %al // divisor: 115200 baud
    out %al, %dx
    mov $COM1 + 1, %dx
    xor %eax, %eax
    out %al, %dx
    mov $LCR, %dx
    mov $LCR_8N1, %al
    out %al, %dx
    mov $16, %ecx

digit:
    mov $LSR, %dx
1:  in %dx, %al
    test $LSR_THRE, %al
    jz 1b

    rol $4, %rbx
    mov %bl, %al
    and $15, %al
    add $'0', %al
    cmp $'9', %al
    jbe 2f
    add $('a' - '9' - 1), %al
2:  mov $COM1, %dx
    out %al, %dx
    dec %ecx
    jnz digit

    mov $LSR, %dx
4:  in %dx, %al
    test $LSR_TEMT, %al
    jz 4b
    mov $SLEEP_S5, %ax
    mov $QEMU_PM1, %dx
    out %ax, %dx
    mov $BOCHS_PM1, %dx
    out %ax, %dx
3:  hlt
    jmp 3b
