// Guest: how long exits take, in ticks of the TSC: reports the time of BENCH_LOOPS passes of each kind in turn.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.macro BEGIN
    mov $BENCH_LOOPS, %ebx
    rdtsc
    mov %eax, %r8d
0:
.endm

.macro END
    dec %ebx
    jnz 0b
    rdtsc
    sub %r8d, %eax
    out %eax, $PORT_REPORT
.endm

.code64
    mov $0xfee00000, %esi
    BEGIN // the loop itself
    nop
    nop
    END
    BEGIN
    mov %ebx, %r9d
    cpuid
    mov %r9d, %ebx
    END
    mov $0x1b, %ecx
    BEGIN
    rdmsr
    nop
    END
    BEGIN
    mov $BENCH_PORT, %edx
    in %dx, %al
    END
    BEGIN
    mov $BENCH_DOORBELL, %edx
    out %al, %dx
    END
    BEGIN
    mov 0x30(%rsi), %eax
    nop
    END
    mov $BENCH_LOOPS, %ebx // sleeps until EAX; how late it wakes up
    xor %r9d, %r9d
0:  rdtsc
    mov %eax, %r8d
    add $BENCH_SLEEP, %r8d
    mov %r8d, %eax
    hlt
    rdtsc
    sub %r8d, %eax
    add %eax, %r9d
    dec %ebx
    jnz 0b
    REPORT %r9d
    DONE
