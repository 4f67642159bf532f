// A kernel with a Multiboot header: EBX has the address of the information [Multiboot].
// SPDX-License-Identifier: MIT
#include "tests/kernels/entry.inc"

#define MAGIC 0x1badb002
#define FLAGS 3                 // modules at pages, memory

    .section .head, "a", @progbits
    .balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

    .text
    .code32
    .global start
start:
    ENTER32 %ebx

    .section .note.GNU-stack, "", @progbits
