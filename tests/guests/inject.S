// Guest: events that the monitor injects, with and without an error code.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    REPORT $1
    REPORT $2
    REPORT $3
    mov %cr2, %rax
    out %eax, $PORT_REPORT
    REPORT $4
    REPORT $5
    REPORT %r14d
    DONE
    HANDLERS
    SEGMENTS
