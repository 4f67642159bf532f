// Guest: HLT: woken by a deadline, by a kick, by an interrupt; with interrupts off.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    hlt
    REPORT $1
    hlt
    REPORT $2
    sti
    hlt
    REPORT %r14d
    cli
    hlt
    REPORT %r14d
    DONE
    HANDLERS
    SEGMENTS
