// A Multiboot guest in the manner of kvm-unit-tests: what scripts/flat-tests runs when the suite itself is not there.
// SPDX-License-Identifier: MIT
//
// A flat image that its header places. It tries the test device, prints a line a check, and ends its machine with a status.
// The word behind the file's name in its command line chooses: "fail" one check more, which fails; "skip" nothing but a skip;
// "crash" the end without a word.

#include "tests/guests/guest.h"

#define MULTIBOOT  0x1badb002
#define ADDRESSES  0x10000
#define INFO_LINE  16 // in the Multiboot information: command line, modules
#define INFO_LIST  24

#define COM1       0x3f8
#define COM1_LSR   0x3fd
#define LSR_EMPTY  0x20
#define PIC_MASK   0x21
#define PIC_COMMAND 0x20
#define EOI        0x20

#define TEST_REGISTER 0xe0
#define TEST_BYTES 0xe8
#define TEST_EXIT  0xf4
#define TEST_LINE  0x2003
#define TEST_MEMORY 0xff000010
#define VECTOR     (8 + 3) // of line 3, as a PC's firmware leaves the 8259

#define STATUS_FAIL 1
#define STATUS_SKIP 38 // 77 as QEMU's debug exit gives it

    .code32
    .text
begin:
    .long MULTIBOOT, ADDRESSES, -(MULTIBOOT + ADDRESSES)
    .long begin, begin, 0, 0, start

start:
    mov $GUEST_STACK, %esp
    cld
    mov %ebx, information
    mov INFO_LINE(%ebx), %esi
1:  lodsb                       // the word behind the first space
    test %al, %al
    jz checks
    cmp $' ', %al
    jne 1b
    mov (%esi), %al
    cmp $'c', %al
    je crash
    cmp $'s', %al
    je skip
    cmp $'f', %al
    jne checks
    incl failed

checks:
    mov $0x11223344, %eax
    out %eax, $TEST_REGISTER
    in $TEST_REGISTER + 1, %al
    cmp $0x33, %al
    jne 1f
    in $TEST_BYTES, %eax
    cmp $0x11223344, %eax
1:  mov $text_ports, %esi
    call report

    movl $0x55667788, TEST_MEMORY
    movb $0x99, TEST_MEMORY + 1
    mov TEST_MEMORY, %eax
    cmp $0x55669988, %eax
    mov $text_memory, %esi
    call report

    mov information, %ebx
    mov INFO_LIST(%ebx), %ebx
    mov (%ebx), %edi            // the first module
    mov $text_environment, %esi
    mov $9, %ecx
    repe cmpsb
    mov $text_module, %esi
    call report

    lidt idt_pointer
    mov $(1 << 3) ^ 0xff, %al
    out %al, $PIC_MASK
    sti
    mov $TEST_LINE, %dx
    mov $1, %al
    out %al, %dx
    nop
    xor %al, %al
    out %al, %dx
    cli
    cmpl $1, interrupts
    mov $text_line, %esi
    call report

    mov failed, %ecx
    jecxz 1f
    mov $text_fail, %esi
    call print
    mov $text_wanted, %esi
    call print
1:  mov failed, %eax
    jmp end

skip:
    mov $text_skip, %esi
    call print
    mov $STATUS_SKIP, %eax
end:
    out %eax, $TEST_EXIT
1:  hlt
    jmp 1b

crash:
    lidt nowhere
    ud2

// ZF: it went well. ESI: what it was about.
report:
    mov $text_pass, %edi
    je 1f
    mov $text_fail, %edi
    incl failed
1:  xchg %esi, %edi
    call print
    mov %edi, %esi
print:
    lodsb
    test %al, %al
    jz 2f
    mov %al, %bl
    mov $COM1_LSR, %dx
1:  in %dx, %al
    test $LSR_EMPTY, %al
    jz 1b
    mov $COM1, %dx
    mov %bl, %al
    out %al, %dx
    jmp print
2:  ret

interrupt:
    push %eax
    incl interrupts
    mov $EOI, %al
    out %al, $PIC_COMMAND
    pop %eax
    iret

information: .long 0
failed:      .long 0
interrupts:  .long 0
nowhere:     .word 0
             .long 0
idt_pointer: .word (VECTOR + 1) * 8 - 1
             .long idt

    .balign 8
idt:
    .fill VECTOR * 8, 1, 0
    .word interrupt - begin + GUEST_ENTRY, 0x10, 0x8e00, 0 // 32-bit interrupt gate; the loader's code segment

text_pass:        .asciz "PASS: "
text_fail:        .asciz "FAIL: "
text_ports:       .asciz "ports\n"
text_memory:      .asciz "memory\n"
text_environment: .ascii "NR_CPUS=1"
text_module:      .asciz "module\n"
text_line:        .asciz "line\n"
text_wanted:      .asciz "as wanted\n"
text_skip:        .asciz "SKIP: nothing to do\n"
