// A Multiboot guest that tells how long exits to the real servers take: bench/30-monitor.sh runs it.
// SPDX-License-Identifier: MIT
//
// 64-bit code with paging, as Linux's: what exits must be found and decoded through the guest's page tables. A line a
// kind of exit on COM1: its name and the hexadecimal time of BENCH_LOOPS passes, in ticks of the TSC; then the machine is
// powered off. Nothing is printed while it measures, so that no server has anything else to do.
#include "tests/guests/guest.h"

#define MULTIBOOT  0x1badb002
#define ADDRESSES  0x10000

#define COM1       0x3f8
#define COM1_LSR   0x3fd
#define COM1_SCR   0x3ff
#define LSR_EMPTY  0x20
#define PIC_MASK   0x21
#define PM1_CONTROL 0x604
#define PM_TIMER   0x608
#define S5         (1 << 13 | 5 << 10)

#define LAPIC      0xfee00000
#define IOAPIC     0xfec00000
#define VERSION    0x10       // IOAPIC's data register
#define LVT_TIMER  0x320
#define DEADLINE_MODE 0x500ff // masked

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER   0xc0000080
#define SETTLE     100000000  // ticks
#define FAR_AWAY   0x7f000000 // upper half of a deadline

// Page tables from GUEST_CR3 on: 2 MiB of code; at 2 MiB the two controllers, in pages of 4 KiB.
#define PDPT       (GUEST_CR3 + 0x1000)
#define PD         (GUEST_CR3 + 0x2000)
#define PT         (GUEST_CR3 + 0x3000)
#define LAPIC_AT   0x200000
#define IOAPIC_AT  0x201000

    .section .rodata
figures:
    .previous

    .code32
    .text
begin:
    .long MULTIBOOT, ADDRESSES, -(MULTIBOOT + ADDRESSES)
    .long begin, begin, 0, 0, start

start:
    mov $GUEST_STACK, %esp
    movl $PDPT + 3, GUEST_CR3
    movl $PD + 3, PDPT
    movl $0x83, PD
    movl $PT + 3, PD + 8
    movl $LAPIC + 0x1b, PT
    movl $IOAPIC + 0x1b, PT + 8
    mov $GUEST_CR3, %eax
    mov %eax, %cr3
    mov $1 << 5, %eax           // PAE
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    rdmsr
    or $1 << 8, %eax            // LME
    wrmsr
    mov %cr0, %eax
    or $1 << 31, %eax
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

.macro BEGIN
    mov $BENCH_LOOPS, %ebx
    rdtsc
    mov %eax, %r8d
0:
.endm

.macro END name
    dec %ebx
    jnz 0b
    rdtsc
    sub %r8d, %eax
    mov %eax, time_\name
    .pushsection .rodata
text_\name:
    .asciz "\name "
time_\name:
    .long 0
    .popsection
.endm

    .code64
long_mode:
    mov $0xff, %al
    out %al, $PIC_MASK
    rdtsc
    mov %eax, %r8d
1:  rdtsc                       // until the servers have done what they do after a start
    sub %r8d, %eax
    cmp $SETTLE, %eax
    jb 1b
    movl $DEADLINE_MODE, LAPIC_AT + LVT_TIMER
    movl $1, IOAPIC_AT
    BEGIN // the loop itself
    nop
    nop
    END loop
    BEGIN
    mov %ebx, %r9d
    xor %eax, %eax
    cpuid
    mov %r9d, %ebx
    END exit_cpuid_monitor
    mov $MSR_APIC_BASE, %ecx
    BEGIN
    rdmsr
    nop
    END exit_rdmsr_monitor
    mov $MSR_TSC_DEADLINE, %ecx
    BEGIN
    mov $FAR_AWAY, %edx
    wrmsr
    END exit_wrmsr_monitor
    BEGIN
    mov $PM_TIMER, %edx
    in %dx, %eax
    END exit_pio_monitor
    BEGIN
    mov $COM1_SCR, %edx
    in %dx, %al
    END exit_pio_console
    mov $IOAPIC_AT, %edi
    BEGIN
    mov VERSION(%rdi), %eax
    nop
    END exit_mmio_monitor
    mov $figures, %esi
3:  call report
    cmp $figures_end, %esi
    jne 3b
    mov $S5, %eax
    mov $PM1_CONTROL, %edx
    out %ax, %dx
1:  hlt
    jmp 1b

// ESI: name and time; behind them afterwards.
report:
    lodsb
    test %al, %al
    jz 1f
    call print
    jmp report
1:  lodsl
    mov %eax, %ebp
    mov $8, %ecx
2:  rol $4, %ebp
    mov %ebp, %eax
    and $15, %eax
    mov digits(%rax), %al
    call print
    dec %ecx
    jnz 2b
    mov $'\n', %al
print:
    mov %al, %bl
    mov $COM1_LSR, %edx
1:  in %dx, %al
    test $LSR_EMPTY, %al
    jz 1b
    mov $COM1, %edx
    mov %bl, %al
    out %al, %dx
    ret

digits: .ascii "0123456789abcdef"
    .balign 8
gdt:
    .quad 0, 0x00af9b000000ffff
gdt_pointer:
    .word 2 * 8 - 1
    .quad gdt

    .section .rodata
figures_end:
