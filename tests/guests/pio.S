// Guest: port accesses of each width, immediate and by DX, and string forms.
// SPDX-License-Identifier: MIT
#include "tests/guests/macros.inc"

.code64
    mov $0x11223344, %eax
    mov $0x345, %edx
    out %al, $0x40
    out %ax, $0x41
    out %eax, $0x42
    out %al, %dx
    out %ax, %dx
    out %eax, %dx
    mov $-1, %rax
    in $0x40, %al
    REPORT %eax
    mov $-1, %rax
    in $0x41, %ax
    REPORT %eax
    mov $-1, %rax
    in %dx, %eax
    mov %rax, %rbx
    shr $32, %rbx
    REPORT %eax
    REPORT %ebx
    mov $GUEST_FREE, %edi
    mov $GUEST_FREE, %esi
    mov $3, %ecx
    .irp width, b, w, l
    ins\width
    outs\width
    rep ins\width
    rep outs\width
    .endr
    DONE
