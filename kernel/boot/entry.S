// First instructions: two loaders' headers, 32-bit to 64-bit, the other CPUs' way in
// SPDX-License-Identifier: MIT
//
// QEMU enters by PVH, GRUB by multiboot2; both leave the CPU in flat 32-bit mode without paging, with the address of their
// information in EBX (Xen, docs/misc/pvh.pandoc; Multiboot2 specification 3.3). Boot tables map the first 4 GiB three
// times: at 0 while EIP is low, at POOL_WINDOW for the C code that reads the loader's information, and the first GiB at
// IMAGE_WINDOW. They are writable and executable, and in use only until the final tables are loaded: at boot, and for a few
// instructions by each further CPU.

#include "kernel/platform/layout.h"

#define LOW(symbol) (symbol - IMAGE_WINDOW)

#define MULTIBOOT2_MAGIC 0xe85250d6
#define XEN_PHYS32_ENTRY 18
#define COM1             0x3f8

#define STARTED_BY_PVH   0 // values of EBP on the way; multiboot2 has its own magic
#define STARTED_BY_SIPI  1

#define SELECTOR_CODE64  0x08
#define SELECTOR_DATA    0x10
#define SELECTOR_CODE32  0x18

#define CR0_ON   0x80010033 // PG WP NE ET MP PE: caches on, also where INIT left them off
#define CR4_ON   0x20       // PAE
#define EFER     0xc0000080
#define EFER_ON  0x900      // LME NXE
#define HAS_LM_NX 0x20100000 // cpuid 0x80000001 EDX

    .globl layout_image_start
    .set layout_image_start, IMAGE_START

    .section .boot.header, "a"
    .balign 8
header:
    .long MULTIBOOT2_MAGIC, 0, header_end - header, -(MULTIBOOT2_MAGIC + header_end - header)
    .balign 8
    .short 1, 0                 // request: memory map
    .long 12, 6
    .balign 8
    .short 3, 0                 // entry address
    .long 12, LOW(multiboot2_start)
    .balign 8
    .short 6, 0                 // modules page aligned
    .long 8
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .note.xen, "a"
    .balign 4
    .long 4, 8, XEN_PHYS32_ENTRY
    .asciz "Xen"
    .quad LOW(pvh_start)        // QEMU reads eight bytes

    .text
    .code32
pvh_start:
    mov $STARTED_BY_PVH, %eax
    .globl multiboot2_start
multiboot2_start:
    cli
    cld
    mov %eax, %ebp
    mov %ebx, %esi

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000000, %eax
    jbe no_long_mode
    mov $0x80000001, %eax
    cpuid
    and $HAS_LM_NX, %edx
    cmp $HAS_LM_NX, %edx
    jne no_long_mode

    movl $LOW(low_pdpt) + 3, LOW(boot_root)
    movl $LOW(low_pdpt) + 3, LOW(boot_root) + 8 * 256
    movl $LOW(high_pdpt) + 3, LOW(boot_root) + 8 * 511
    movl $LOW(low_pds) + 0x0003, LOW(low_pdpt)
    movl $LOW(low_pds) + 0x1003, LOW(low_pdpt) + 8
    movl $LOW(low_pds) + 0x2003, LOW(low_pdpt) + 16
    movl $LOW(low_pds) + 0x3003, LOW(low_pdpt) + 24
    movl $LOW(low_pds) + 0x0003, LOW(high_pdpt) + 8 * 510
    mov $LOW(low_pds), %edi
    mov $0x83, %eax             // 2 MiB, writable, present
1:  mov %eax, (%edi)
    add $8, %edi
    add $PAGE_2M, %eax
    jnc 1b

// Shared by all CPUs: ebp says who comes, esi is kept.
to_long_mode:
    mov $CR4_ON, %eax
    mov %eax, %cr4
    mov $LOW(boot_root), %eax
    mov %eax, %cr3
    mov $EFER, %ecx
    mov $EFER_ON, %eax
    xor %edx, %edx
    wrmsr
    mov $CR0_ON, %eax
    mov %eax, %cr0
    lgdt %cs:LOW(boot_gdt_pointer) // a CPU that comes from real mode has no other segment yet
    ljmp $SELECTOR_CODE64, $LOW(low64)

// The one failure that C cannot report.
no_long_mode:
    mov $LOW(no_long_mode_text), %esi
1:  mov $COM1 + 5, %dx
    mov $0x10000, %ecx
2:  in %dx, %al
    test $0x20, %al
    loopz 2b
    mov $COM1, %dx
    lodsb
    test %al, %al
    jz park32
    out %al, %dx
    jmp 1b
park32:
    hlt
    jmp park32

ap_start32:
    mov $STARTED_BY_SIPI, %ebp
    jmp to_long_mode

    .code64
low64:
    movabs $high64, %rax
    jmp *%rax
high64:
    mov $SELECTOR_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %ebp, %edi
    xor %ebp, %ebp
    cmp $STARTED_BY_SIPI, %edi
    je ap_start64
    lea boot_stack_top(%rip), %rsp
    call boot_main
    mov %rax, %rdi
    mov %gs:8, %rsp             // cpu->stack_top
    xor %ebp, %ebp
    call kernel_main

// A CPU takes the offer of a struct cpu, once. Who comes when none is open answered too late and stays here.
ap_start64:
    xor %edi, %edi
    xchg %rdi, smp_offer(%rip)
    test %rdi, %rdi
    jz park64
    mov kernel_root(%rip), %rax
    mov %rax, %cr3
    mov 8(%rdi), %rsp           // cpu->stack_top
    call smp_main
park64:
    hlt
    jmp park64

// Copied to the start-up page; runs at its start in real mode, CS = page / 16 [SDM 3A 9.4.4.1]. Nothing in it depends on
// where it lies.
    .section .rodata
    .code16
    .globl startup_code, startup_code_end
startup_code:
    cli
    lgdtl %cs:startup_gdt - startup_code
    mov $1, %eax                // PE; CD and NW are cleared with paging
    mov %eax, %cr0
    ljmpl $SELECTOR_CODE32, $LOW(ap_start32)
startup_gdt:
    .word boot_gdt_end - boot_gdt - 1
    .long LOW(boot_gdt)
startup_code_end:

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff    // 64-bit code
    .quad 0x00cf93000000ffff    // data
    .quad 0x00cf9b000000ffff    // 32-bit code
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long LOW(boot_gdt)         // good in 64-bit mode, too: the low mapping is there while anything starts
no_long_mode_text:
    .asciz "bulkhead: panic: this CPU has no 64-bit mode with execute-disable (long mode, NX)\r\n"

    .bss
    .balign PAGE_SIZE
    .globl boot_root
boot_root:
    .skip PAGE_SIZE
low_pdpt:
    .skip PAGE_SIZE
high_pdpt:
    .skip PAGE_SIZE
low_pds:
    .skip 4 * PAGE_SIZE
    .skip 0x4000
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
