// What C cannot say: ports, control registers, MSRs, cpuid
// SPDX-License-Identifier: MIT
//
// Every instruction of this kind in the kernel's C goes through one of these functions. Bits and MSR numbers
// follow [SDM] 3A 2.5 (control registers), 3A 10 (APIC), 4 (MSRs) and [APM] 2 appendix A; those of SVM and
// VMX are in kernel/virt.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CR0_PE (1ul << 0)
#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_ET (1ul << 4)
#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR0_PG (1ul << 31)

#define CR4_PSE        (1ul << 4)
#define CR4_PAE        (1ul << 5)
#define CR4_PGE        (1ul << 7)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP       (1ul << 11)
#define CR4_VMXE       (1ul << 13)
#define CR4_PCIDE      (1ul << 17)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

#define EFER_SCE  (1ul << 0)
#define EFER_LME  (1ul << 8)
#define EFER_LMA  (1ul << 10)
#define EFER_NXE  (1ul << 11)
#define EFER_SVME (1ul << 12)

#define RFLAGS_1  (1ul << 1) // always set
#define RFLAGS_TF (1ul << 8)
#define RFLAGS_IF (1ul << 9)
#define RFLAGS_DF (1ul << 10)
#define RFLAGS_NT (1ul << 14)
#define RFLAGS_RF (1ul << 16)
#define RFLAGS_AC (1ul << 18)

// page-table entries
#define PTE_P  (1ul << 0)
#define PTE_W  (1ul << 1)
#define PTE_U  (1ul << 2)
#define PTE_WT (1ul << 3)
#define PTE_CD (1ul << 4)
#define PTE_A  (1ul << 5)
#define PTE_D  (1ul << 6)
#define PTE_PS (1ul << 7)
#define PTE_G  (1ul << 8)
#define PTE_NX (1ul << 63)

#define MSR_APIC_BASE      0x1b
#define MSR_PAT            0x277
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC         0x800
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

// The operand of LGDT and LIDT.
struct __attribute__((packed)) descriptor_table {
    uint16_t limit;
    uint64_t base;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

#define X86_PORT(suffix, type)                                                                               \
    static inline type in##suffix(uint16_t port)                                                             \
    {                                                                                                        \
        type v;                                                                                              \
        asm volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));                                         \
        return v;                                                                                            \
    }                                                                                                        \
    static inline void out##suffix(uint16_t port, type v)                                                    \
    {                                                                                                        \
        asm volatile("out" #suffix " %0, %1" ::"a"(v), "Nd"(port) : "memory");                               \
    }
X86_PORT(b, uint8_t)
X86_PORT(l, uint32_t)

// Registers of 64 bits in EDX:EAX, chosen by ECX. The last argument here and below is what the compiler may
// not keep in registers meanwhile: "memory", or nothing.
#define X86_SELECTED(read, write, ...)                                                                       \
    static inline uint64_t read(uint32_t n)                                                                  \
    {                                                                                                        \
        uint32_t lo, hi;                                                                                     \
        asm volatile(#read : "=a"(lo), "=d"(hi) : "c"(n) : __VA_ARGS__);                                     \
        return (uint64_t)hi << 32 | lo;                                                                      \
    }                                                                                                        \
    static inline void write(uint32_t n, uint64_t v)                                                         \
    {                                                                                                        \
        asm volatile(#write ::"c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : __VA_ARGS__);             \
    }
X86_SELECTED(rdmsr, wrmsr, "memory")
X86_SELECTED(xgetbv, xsetbv)

static inline uint64_t rdtsc(void)
{
    uint64_t lo, hi; // their upper halves are zero
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return hi << 32 | lo;
}

#define X86_READ(name, text)                                                                                 \
    static inline uint64_t name(void)                                                                        \
    {                                                                                                        \
        uint64_t v;                                                                                          \
        asm volatile(text : "=r"(v)::"memory");                                                              \
        return v;                                                                                            \
    }
X86_READ(read_cr0, "mov %%cr0, %0")
X86_READ(read_cr2, "mov %%cr2, %0")
X86_READ(read_cr4, "mov %%cr4, %0")

#define X86_WRITE(name, type, text, ...)                                                                     \
    static inline void name(type operand)                                                                    \
    {                                                                                                        \
        asm volatile(text ::"r"(operand) : __VA_ARGS__);                                                     \
    }
X86_WRITE(write_cr0, uint64_t, "mov %0, %%cr0", "memory")
X86_WRITE(write_cr2, uint64_t, "mov %0, %%cr2")
X86_WRITE(write_cr3, uint64_t, "mov %0, %%cr3", "memory")
X86_WRITE(write_cr4, uint64_t, "mov %0, %%cr4", "memory")
X86_WRITE(write_dr0, uint64_t, "mov %0, %%dr0")
X86_WRITE(write_dr1, uint64_t, "mov %0, %%dr1")
X86_WRITE(write_dr2, uint64_t, "mov %0, %%dr2")
X86_WRITE(write_dr3, uint64_t, "mov %0, %%dr3")
X86_WRITE(load_gdt, const struct descriptor_table *, "lgdt (%0)", "memory")
X86_WRITE(load_idt, const struct descriptor_table *, "lidt (%0)", "memory")
X86_WRITE(load_task_register, uint16_t, "ltr %0", "memory")
X86_WRITE(invlpg, const void *, "invlpg (%0)", "memory")

#define X86_DO(name, text)                                                                                   \
    static inline void name(void)                                                                            \
    {                                                                                                        \
        asm volatile(text ::: "memory");                                                                     \
    }
X86_DO(interrupts_off, "cli")
X86_DO(interrupts_on, "sti")
X86_DO(interrupts_wait, "sti; hlt; cli") // STI's shadow leaves no gap in which an interrupt could be missed
X86_DO(interrupts_take, "sti; nop; cli") // what is pending comes now
X86_DO(halt, "hlt")
X86_DO(cpu_relax, "pause")
