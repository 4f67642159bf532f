// Stands where a Linux kernel begins: prints the time-stamp counter in 16 hexadecimal digits on COM1 and powers off
// SPDX-License-Identifier: MIT
//
// Written over the 64-bit entry point of a copy of a kernel image, it runs after the same firmware, loader and
// 16- and 32-bit code as the kernel itself would. There is no stack. The power-off port is where SeaBIOS puts it on QEMU's
// "pc" machine.

#define COM1     0x3f8
#define LSR      (COM1 + 5)
#define LSR_THRE 0x20 // the next byte may be written
#define PM1_CNT  0x604
#define SLEEP_S5 0x2000

    .code64
    rdtsc
    mov %eax, %ebx
    shl $32, %rdx
    or %rdx, %rbx
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

    mov $PM1_CNT, %dx
    mov $SLEEP_S5, %ax
    out %ax, %dx
3:  hlt
    jmp 3b
