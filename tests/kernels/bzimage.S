// A bzImage: RSI has the address of the boot parameters [Linux Documentation/arch/x86/boot.rst].
// SPDX-License-Identifier: MIT
//
// The first sector and one of setup, which is empty; then the kernel, whose 64-bit entry is 0x200 bytes in.

#define SETUP_SECTS 1
#define VERSION     0x20f
#define LOADED_HIGH 1
#define KERNEL_64   1

    .section .head, "a", @progbits
    .global head
head:
    .org 0x1f1
    .byte SETUP_SECTS
    .org 0x1f4
    .long kernel_paragraphs
    .org 0x1fe
    .word 0xaa55
    .byte 0xeb, header_end - header_start
header_start:
    .ascii "HdrS"
    .word VERSION
    .org 0x211
    .byte LOADED_HIGH
    .org 0x22c
    .long 0x7fffffff            // where an initrd may end
    .org 0x236
    .word KERNEL_64
    .long 255                   // of the command line
    .org 0x258
    .quad kernel_start
    .long kernel_room
    .long 0                     // no EFI handover
header_end:
    .org 512 * (SETUP_SECTS + 1)

    .text
    .org 0x200
    .global start
start:
    mov $stack_end, %esp
    mov %rsi, %rdi
    call kernel_main

    .bss
    .balign 16
    .skip 4096
stack_end:

    .section .note.GNU-stack, "", @progbits
