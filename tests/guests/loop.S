// Guest: loops for ever, with and without exits.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    xor %ebx, %ebx
0:  inc %rbx
    test $0xfffff, %ebx
    jnz 0b
    REPORT %ebx
    jmp 0b
