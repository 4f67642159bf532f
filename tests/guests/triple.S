// Guest: a triple fault.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    lidt none
    ud2
    DONE
none: .word 0
    .quad 0
