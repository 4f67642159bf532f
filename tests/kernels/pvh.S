// A kernel with a PVH entry: EBX has the address of the start info [PVH].
// SPDX-License-Identifier: MIT
#include "tests/kernels/entry.inc"

    .code32
    .global start
start:
    ENTER32 %ebx

    .section .note.Xen, "a", @note
    .long 4, 4, 18              // name, descriptor, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long start

    .section .note.GNU-stack, "", @progbits
