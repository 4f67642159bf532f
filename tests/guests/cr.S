// Guest: writes of control registers, reserved bits among them.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    mov %cr0, %rax
    or $0x20000000, %eax // NW without CD: the monitor's to refuse
    mov $1f, %r15d
    mov %rax, %cr0
1:  mov %cr0, %rax
    or $0x60000000, %eax
    mov %rax, %cr0
    clts
    mov %cr4, %rax
    bts $31, %rax // reserved
    mov $2f, %r15d
    mov %rax, %cr4
2:  mov %cr4, %rbx
    or $0x80, %ebx
    mov %rbx, %cr4
    mov $GUEST_CR3, %eax
    mov %rax, %cr3 // no exit
    bts $63, %rax
    mov $3f, %r15d
    mov %rax, %cr3 // #GP without an exit
3:  mov %cr3, %rax
    out %eax, $PORT_REPORT
    mov $5, %eax
    mov %rax, %cr8
    mov %cr8, %rbx
    REPORT %ebx
    DONE
    HANDLERS
    SEGMENTS
