// Guest: nested page faults: RAM that comes on demand, and addresses where no RAM is.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    mov $0x400000, %ebx // a page on demand
    movl $0x1234, (%rbx)
    mov (%rbx), %eax
    out %eax, $PORT_REPORT
    mov 0x1000(%rbx), %eax // another one, by a read
    out %eax, $PORT_REPORT
    mov $0xfee00000, %ebx // nothing is there
    mov 0x20(%rbx), %eax
    out %eax, $PORT_REPORT
    movl $0x77, 0x30(%rbx)
    movb 0x21(%rbx), %al
    mov $0x600000, %ebx // RAM that may only be read
    mov (%rbx), %eax
    movl $1, (%rbx)
    mov $back, %ecx
    mov $0xfee01000, %eax
    jmp *%rax // no code is there
back:
    mov $0xfed00000, %eax
    mov %rax, %cr3 // nor are page tables here
    DONE
