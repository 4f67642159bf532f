// Guest: takes interrupts at random places, IF changing all the time.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS TIMERS_IDT
0:  sti
    nop
    nop
    nop
    cli
    mov $20, %ecx
1:  dec %ecx
    jnz 1b
    sti
    mov $7, %ecx
2:  dec %ecx
    jnz 2b
    cli
    pushf
    popf
    inc %ebx
    test $31, %ebx
    jnz 0b
    sti
    cpuid // an exit now and then
    cli
    test $255, %ebx
    jnz 0b
    sti
    hlt
    jmp 0b
    HANDLERS TIMERS_IDT
    SEGMENTS
