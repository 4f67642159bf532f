// Guest: accesses to servers: ports read and written along routes, doorbells.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    mov $0x300, %edx
    mov $-1, %rax
    in %dx, %al
    REPORT %eax
    mov $0x302, %edx
    mov $-1, %rax
    in %dx, %ax
    REPORT %eax
    mov $0x304, %edx
    mov $-1, %rax
    in %dx, %eax
    mov %rax, %rbx
    REPORT %eax
    shr $32, %rbx
    REPORT %ebx
    mov $0x300, %edx
    mov $0xabcdef, %eax
    out %eax, %dx
    mov $0x310, %edx // a doorbell
    out %ax, %dx
    REPORT $1
    in %dx, %al // reads of that port go to the monitor
    mov $0x307, %edx // over the end of the route
    in %dx, %ax
    DONE
