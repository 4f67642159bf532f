// The processors: features, control registers, per-CPU data
// SPDX-License-Identifier: MIT
//
// Long mode and execute-disable are checked in boot/entry.S: without them nobody gets here. CR4.FSGSBASE
// stays off, so that the GS base in user mode changes only through the kernel. XCR0 belongs to whoever saves
// threads' state.

#include "kernel/platform/cpu.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/platform/parts.h"
#include "kernel/platform/x86.h"

#define LEAF_BASIC    1
#define LEAF_EXTENDED 0x80000001

enum cpuid_register { EBX, ECX, EDX };

struct feature {
    uint32_t leaf;
    enum cpuid_register reg;
    uint8_t bit;
    const char *name;
    bool *present; // NULL: needed
};

struct cpu_features cpu_features;
struct cpu *cpus[MAX_CPUS];
uint32_t cpu_count;

// [SDM] 2A CPUID, [APM] 3 appendix E
static const struct feature features[] = {
    {LEAF_BASIC, EDX, 4, "TSC (time stamp counter)", NULL},
    {LEAF_BASIC, EDX, 9, "APIC (local APIC)", NULL},
    {LEAF_BASIC, EDX, 13, "PGE (global pages)", NULL},
    {LEAF_BASIC, EDX, 24, "FXSR (FXSAVE)", NULL},
    {LEAF_BASIC, EDX, 26, "SSE2", NULL},
    {LEAF_BASIC, ECX, 26, "XSAVE", NULL},
    {LEAF_EXTENDED, EDX, 11, "SYSCALL", NULL},
    {LEAF_BASIC, ECX, 21, "x2APIC", &cpu_features.x2apic},
    {LEAF_BASIC, ECX, 24, "TSC deadline", &cpu_features.tsc_deadline},
    {LEAF_BASIC, ECX, 31, "hypervisor", &cpu_features.hypervisor},
    {7, EBX, 7, "SMEP", &cpu_features.smep},
    {7, EBX, 20, "SMAP", &cpu_features.smap},
    {7, ECX, 2, "UMIP", &cpu_features.umip},
};

// A leaf beyond the last one answers with the last one's data on Intel, so look first.
static bool has(const struct feature *f)
{
    if (cpuid(f->leaf & 0x80000000, 0).eax < f->leaf)
        return false;
    struct cpuid r = cpuid(f->leaf, 0);
    uint32_t word = f->reg == EBX ? r.ebx : f->reg == ECX ? r.ecx : r.edx;
    return word >> f->bit & 1;
}

void cpu_check_features(void)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        bool present = has(&features[i]);
        if (features[i].present)
            *features[i].present = present;
        else if (!present)
            panic("platform: this CPU lacks %s", features[i].name);
    }
}

struct cpu *cpu_create(uint32_t apic_id)
{
    kassert(cpu_count < MAX_CPUS);
    struct cpu *cpu = kmem_need(NULL, sizeof *cpu);
    cpu->self = cpu;
    cpu->id = cpu_count;
    cpu->apic_id = apic_id;
    cpu->stack_top = paging_map_stack(cpu->id);
    cpus[cpu_count++] = cpu;
    return cpu;
}

void cpu_enter(struct cpu *cpu)
{
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    write_cr4(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE |
              (cpu_features.smep ? CR4_SMEP : 0) | (cpu_features.smap ? CR4_SMAP : 0) |
              (cpu_features.umip ? CR4_UMIP : 0));
}

uint32_t cpu_own_apic_id(void)
{
    if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx != 0)
        return cpuid(0xb, 0).edx;
    return cpuid(LEAF_BASIC, 0).ebx >> 24;
}
