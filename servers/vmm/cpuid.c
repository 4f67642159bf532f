// CPUID as the guest sees it: the processor's own answers, leaf by leaf through a table of masks.
// SPDX-License-Identifier: MIT
//
// A leaf without a row answers zeros. A row keeps the bits of its masks and then may patch the rest: numbers
// of processors, what the monitor emulates, what the kernel lets a guest use. CPUID does not trap in the
// monitor itself.
#include "libipc/syscall.h"
#include "servers/vmm/vm.h"

struct leaf {
    uint32_t eax, ebx, ecx, edx;
};

static struct leaf native(uint32_t leaf, uint32_t subleaf)
{
    struct leaf l;
    asm volatile("cpuid" : "=a"(l.eax), "=b"(l.ebx), "=c"(l.ecx), "=d"(l.edx) : "a"(leaf), "c"(subleaf));
    return l;
}

// Bits that are passed on [SDM] 2A CPUID, [APM] 3 E. Left out is what needs something that we do not give:
// MONITOR, VMX, SVM, PCID, performance counters, machine checks, speculation control, protection keys,
// RDTSCP's MSR, power and heat.
enum {
    ECX1 = 0x76d83203,
    ECX1_X2APIC = 1 << 21,
    ECX1_DEADLINE = 1 << 24,
    ECX1_OSXSAVE = 1 << 27,
    EDX1 = 0x078bb97f,
    EDX1_APIC = 1 << 9,
    EBX7 = 0x219c03a9,
    EBX7_TSC_ADJUST = 1 << 1,
    ECX7 = 1 << 2, // UMIP
    ECX81 = 0x1e1,
    EDX81 = 0x2553bb7f,
};
#define ECX1_HYPERVISOR (1u << 31)

static void patch_features(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)subleaf;
    l->ebx = (l->ebx & 0xffff) | (uint32_t)vm.config.cpus << 16 | x->n << 24;
    l->ecx |= ECX1_X2APIC | ECX1_DEADLINE | ECX1_HYPERVISOR;
    l->edx |= lapic_globally_on(&vm.machine->chip.cpu[x->n].lapic) ? EDX1_APIC : 0;
    exit_need(x, GROUP_CR);
    if (x->state->cr4 & 1u << 18)
        l->ecx |= ECX1_OSXSAVE;
}

static void patch_more_features(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    l->ebx |= EBX7_TSC_ADJUST;
}

// One package of single-threaded cores: leaf 4's and 0xb's counts.
static void patch_topology(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    uint32_t level = subleaf & 0xff;
    *l = (struct leaf){.ecx = level | (level < 2 ? (level + 1) << 8 : 0), .edx = x->n};
    l->ebx = level == 0 ? 1 : level == 1 ? (uint32_t)vm.config.cpus : 0;
}

static void patch_cache(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    if (l->eax & 0x1f)
        l->eax = (l->eax & 0x3ff) | ((uint32_t)vm.config.cpus - 1) << 26;
}

// XSAVE: sub-leaf 0 tells what a guest may enable; sizes follow the features.
static void patch_xsave(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    uint64_t mask = vm.xsave_features;
    if (subleaf == 0) {
        l->eax &= (uint32_t)mask;
        l->edx &= (uint32_t)(mask >> 32);
        l->ecx = vm.xsave_bytes;
        exit_need(x, GROUP_XCR0);
        l->ebx = x->state->xcr0 & 4 ? vm.xsave_bytes : 576;
    } else if (subleaf == 1) {
        *l = (struct leaf){.eax = l->eax & 1}; // XSAVEOPT only: no XSS, no compaction
    } else if (subleaf >= 63 || !(mask >> subleaf & 1)) {
        *l = (struct leaf){0};
    }
}

static void patch_highest(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    if (l->eax > 0xd)
        l->eax = 0xd;
}

static void patch_highest_extended(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    if (l->eax > 0x80000008)
        l->eax = 0x80000008;
}

// Power management: the TSC neither stops nor changes its rate.
static void patch_invariant_tsc(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    *l = (struct leaf){.edx = 1 << 8};
}

static void patch_address_sizes(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    l->ecx = 0;
    l->ebx &= 1u << 9; // WBNOINVD
}

// KVM's leaves [Linux Documentation/virt/kvm/x86/cpuid.rst]: the guest's clock, and no delays at port
// accesses.
static void patch_kvm_signature(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    *l = (struct leaf){.eax = 0x40000001, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d};
}

enum {
    KVM_NOP_IO_DELAY = 1 << 1,
    KVM_CLOCKSOURCE2 = 1 << 3,
    KVM_PV_EOI = 1 << 6,
    KVM_CLOCK_STABLE = 1 << 24
};

static void patch_kvm_features(struct vm_exit *x, uint32_t subleaf, struct leaf *l)
{
    (void)x, (void)subleaf;
    *l = (struct leaf){.eax = KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 | KVM_PV_EOI | KVM_CLOCK_STABLE};
}

#define ALL UINT32_MAX

static const struct row {
    uint32_t first, last;
    struct leaf mask;
    void (*patch)(struct vm_exit *x, uint32_t subleaf, struct leaf *l);
} rows[] = {
    {0x0, 0x0, {ALL, ALL, ALL, ALL}, patch_highest},
    {0x1, 0x1, {ALL, ALL, ECX1, EDX1}, patch_features},
    {0x2, 0x2, {ALL, ALL, ALL, ALL}, NULL},
    {0x4, 0x4, {ALL, ALL, ALL, ALL}, patch_cache},
    {0x7, 0x7, {0, EBX7, ECX7, 0}, patch_more_features},
    {0xb, 0xb, {ALL, ALL, ALL, ALL}, patch_topology},
    {0xd, 0xd, {ALL, ALL, ALL, ALL}, patch_xsave},
    {0x40000000, 0x40000000, {0, 0, 0, 0}, patch_kvm_signature},
    {0x40000001, 0x40000001, {0, 0, 0, 0}, patch_kvm_features},
    {0x80000000, 0x80000000, {ALL, ALL, ALL, ALL}, patch_highest_extended},
    {0x80000001, 0x80000001, {ALL, ALL, ECX81, EDX81}, NULL},
    {0x80000002, 0x80000006, {ALL, ALL, ALL, ALL}, NULL},
    {0x80000007, 0x80000007, {0, 0, 0, 0}, patch_invariant_tsc},
    {0x80000008, 0x80000008, {ALL, ALL, ALL, ALL}, patch_address_sizes},
};

static const struct row *row_of(uint32_t leaf)
{
    for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++)
        if (leaf <= r->last)
            return leaf >= r->first ? r : NULL;
    return NULL;
}

static struct leaf answer(struct vm_exit *x, uint32_t leaf, uint32_t subleaf)
{
    const struct row *r = row_of(leaf);
    if (!r || (leaf == 7 && subleaf))
        return (struct leaf){0};
    struct leaf l = native(leaf, subleaf);
    l = (struct leaf){l.eax & r->mask.eax, l.ebx & r->mask.ebx, l.ecx & r->mask.ecx, l.edx & r->mask.edx};
    if (r->patch)
        r->patch(x, subleaf, &l);
    return l;
}

void cpuid_exit(struct vm_exit *x)
{
    struct emu_control c;
    if (!exit_decode(x, &c))
        return;
    uint64_t *gpr = x->state->gpr;
    struct leaf l = answer(x, (uint32_t)gpr[GPR_RAX], (uint32_t)gpr[GPR_RCX]);
    gpr[GPR_RAX] = l.eax;
    gpr[GPR_RBX] = l.ebx;
    gpr[GPR_RCX] = l.ecx;
    gpr[GPR_RDX] = l.edx;
    x->groups |= GROUP_GPR_ABCD;
    x->pure = true;
    exit_skip(x, c.length);
}
