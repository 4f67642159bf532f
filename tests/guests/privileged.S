// Guest: instructions that a monitor has to hear of: debug registers, caches, hypercalls, counters, XCR0.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    LOAD_HANDLERS
    mov $0x455, %eax
    mov %rax, %dr7
    xor %eax, %eax
    mov %dr7, %rbx
    REPORT %ebx
    wbinvd
    invd
    mov $1f, %r15d
    vmmcall // each vendor has one of the two; the other gives #UD
1:  mov $2f, %r15d
    vmcall
2:  REPORT $1
    mov $3f, %r15d
    rdpmc // refused: #UD
3:  mov $4f, %r15d
    mov $GUEST_FREE, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    monitor // refused: #UD
4:  mov %cr4, %rax
    bts $18, %rax // OSXSAVE
    mov %rax, %cr4
    xor %ecx, %ecx
    xor %edx, %edx
    mov $3, %eax
    xsetbv // an exit, or the guest's own
    xor %eax, %eax
    xgetbv
    out %eax, $PORT_REPORT
    DONE
    HANDLERS
    SEGMENTS
