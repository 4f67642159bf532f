// Guest: interrupts offered with IF clear, set, and in the shadow of STI.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    REPORT $1 // the monitor offers one now
    mov $1000, %ecx
0:  dec %ecx
    jnz 0b
    REPORT %r14d // 0: IF is clear
    sti
    inc %ebx // in the shadow
after_shadow:
    inc %ebx
    cli
    REPORT %r14d // 1
    sub $after_shadow, %r12
    REPORT %r12d // 0
    sti
    REPORT $2 // the monitor offers another one now
after_exit:
    nop
    cli
    REPORT %r14d // 2
    sub $after_exit, %r12
    REPORT %r12d // 0: at once
    REPORT $3 // it offers another one, and withdraws it at the next exit
    REPORT $4
    sti
    nop
    nop
    cli
    REPORT %r14d // still 2
    REPORT $5 // one more, and at the next exit a kick in the shadow of STI
    sti
    cpuid
after_cpuid:
    nop
    cli
    REPORT %r14d // 3
    sub $after_cpuid, %r12
    REPORT %r12d // 0: after the instruction that exited in the shadow
    DONE
    HANDLERS
    SEGMENTS
