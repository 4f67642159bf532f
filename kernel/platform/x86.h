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
#define CR4_FSGSBASE   (1ul << 16)
#define CR4_PCIDE      (1ul << 17)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

#define EFER_SCE  (1ul << 0)
#define EFER_LME  (1ul << 8)
#define EFER_LMA  (1ul << 10)
#define EFER_NXE  (1ul << 11)
#define EFER_SVME (1ul << 12)

#define RFLAGS_CF (1ul << 0)
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
#define MSR_TSC_AUX        0xc0000103

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

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
    asm volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
    asm volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
    asm volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    asm volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint64_t lo, hi; // their upper halves are zero
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return hi << 32 | lo;
}

#define X86_CONTROL_REGISTER(n)                                                                              \
    static inline uint64_t read_cr##n(void)                                                                  \
    {                                                                                                        \
        uint64_t v;                                                                                          \
        asm volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory");                                              \
        return v;                                                                                            \
    }                                                                                                        \
    static inline void write_cr##n(uint64_t v)                                                               \
    {                                                                                                        \
        asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory");                                                 \
    }
X86_CONTROL_REGISTER(0)
X86_CONTROL_REGISTER(2)
X86_CONTROL_REGISTER(3)
X86_CONTROL_REGISTER(4)
X86_CONTROL_REGISTER(8)

#define X86_DEBUG_REGISTER(n)                                                                                \
    static inline uint64_t read_dr##n(void)                                                                  \
    {                                                                                                        \
        uint64_t v;                                                                                          \
        asm volatile("mov %%dr" #n ", %0" : "=r"(v));                                                        \
        return v;                                                                                            \
    }                                                                                                        \
    static inline void write_dr##n(uint64_t v)                                                               \
    {                                                                                                        \
        asm volatile("mov %0, %%dr" #n ::"r"(v));                                                            \
    }
X86_DEBUG_REGISTER(0)
X86_DEBUG_REGISTER(1)
X86_DEBUG_REGISTER(2)
X86_DEBUG_REGISTER(3)
X86_DEBUG_REGISTER(6)
X86_DEBUG_REGISTER(7)

static inline uint64_t xgetbv(uint32_t n)
{
    uint32_t lo, hi;
    asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(n));
    return (uint64_t)hi << 32 | lo;
}

static inline void xsetbv(uint32_t n, uint64_t v)
{
    asm volatile("xsetbv" ::"c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline uint64_t read_flags(void)
{
    uint64_t v;
    asm volatile("pushfq; pop %0" : "=r"(v)::"memory");
    return v;
}

static inline void interrupts_off(void)
{
    asm volatile("cli" ::: "memory");
}

static inline void interrupts_on(void)
{
    asm volatile("sti" ::: "memory");
}

// For save/restore pairs: the former state of IF.
static inline bool interrupts_save(void)
{
    bool on = read_flags() & RFLAGS_IF;
    interrupts_off();
    return on;
}

static inline void interrupts_restore(bool on)
{
    if (on)
        interrupts_on();
}

static inline void halt(void)
{
    asm volatile("hlt" ::: "memory");
}

// Sleep until the next interrupt; STI's shadow leaves no gap in which one could be missed.
static inline void interrupts_wait(void)
{
    asm volatile("sti; hlt; cli" ::: "memory");
}

static inline void cpu_relax(void)
{
    asm volatile("pause" ::: "memory");
}

static inline void invlpg(const void *address)
{
    asm volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline void load_gdt(const struct descriptor_table *t)
{
    asm volatile("lgdt %0" ::"m"(*t) : "memory");
}

static inline void load_idt(const struct descriptor_table *t)
{
    asm volatile("lidt %0" ::"m"(*t) : "memory");
}

static inline void load_task_register(uint16_t selector)
{
    asm volatile("ltr %0" ::"r"(selector) : "memory");
}
