// Words that a tiny kernel's image holds, so that it is larger than what one fault brings.
// SPDX-License-Identifier: MIT

    .data
    .balign 4096
    .global image
image:
    .set i, 0
    .rept 64 << 10
    .long 0x5eed0000 ^ i
    .set i, i + 1
    .endr

    .section .note.GNU-stack, "", @progbits
