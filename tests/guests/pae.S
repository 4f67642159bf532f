// Guest: 32-bit code with PAE paging, whose page-directory pointers are the processor's own.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

#define POINTERS  0x3000
#define DIRECTORY 0x4000

.code32
    mov $GUEST_STACK, %esp
    movl $DIRECTORY | 1, POINTERS
    movl $0x83, DIRECTORY     // 2 MiB
    movl $0x83, DIRECTORY + 8 // and the same again
    mov $POINTERS, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4 // the monitor carries this out
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0 // and this
    REPORT $1
    movl $0x1234, 0x201ff8
    REPORT 0x1ff8
    movl $0x5678, 0x1ff8
    mov %cr3, %eax
    mov %eax, %cr3 // the processor loads them itself
    REPORT 0x201ff8
    DONE
