// Guest: 32-bit code with and without paging, ports, faults.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code32
    mov $GUEST_STACK, %esp
    mov $0x12345678, %eax
    out %eax, $PORT_REPORT
    in $0x40, %al
    out %eax, $PORT_REPORT
    // one 4 MiB page, then paging (the monitor carries out the writes of CR4 and CR0)
    movl $0x83, 0xc000
    mov $0xc000, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov %cr0, %eax
    shr $31, %eax
    out %eax, $PORT_REPORT
    cpuid
    out %eax, $PORT_REPORT
    DONE
