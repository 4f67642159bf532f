// Guest: CPUID.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    mov $0x40000000, %eax
    mov $7, %ecx
    cpuid
    out %eax, $PORT_REPORT
    REPORT %ebx
    REPORT %ecx
    REPORT %edx
    DONE
