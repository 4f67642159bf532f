// Guest: RDMSR and WRMSR, answered and refused.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    mov $0xc0000080, %ecx
    rdmsr
    out %eax, $PORT_REPORT
    REPORT %edx
    mov $0x1234, %ecx
    mov $0x55667788, %eax
    mov $0x11223344, %edx
    wrmsr
    mov $1f, %r15d
    mov $0xdead, %ecx
    rdmsr // refused: #GP
1:  mov $2f, %r15d
    wrmsr // refused: #GP
2:  DONE
    HANDLERS
    SEGMENTS
