// Intel VMX with EPT: probe, per-CPU and per-vCPU set-up, the back-end's operations
// SPDX-License-Identifier: MIT
#include "kernel/virt/vmx.h"
#include "kernel/frame.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/space.h"
#include "kernel/virt/vmx_instructions.h"

#define ECX_VMX (1u << 5) // of CPUID 1

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURES_ENABLE     5 // VMXON outside SMX; locked
#define MSR_SYSENTER_CS     0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_BASIC           0x480
#define BASIC_TRUE          (1ul << 55) // the words have MSRs that tell all that may be off
#define MSR_WORDS           0x481
#define MSR_TRUE_WORDS      0x48d
#define MSR_MISC            0x485
#define MSR_CR0_FIXED0      0x486
#define MSR_CR4_FIXED0      0x488
#define MSR_CR4_FIXED1      0x489
#define MSR_SECONDARY       0x48b
#define MSR_EPT             0x48c

#define VPIDS 0x10000u

struct vmx_set_up vmx;

static uint8_t *msr_bitmap;

// What the guest has for itself: by the VMCS or by the lists, and it means nothing to anybody else.
static const uint32_t free_msrs[] = {MSR_SYSENTER_CS,    MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,
                                     MSR_LSTAR,          MSR_CSTAR,        MSR_SFMASK,       MSR_FS_BASE,
                                     MSR_KERNEL_GS_BASE, MSR_GS_BASE};
static const uint32_t switched_msrs[SWITCHED_MSRS] = {[SWITCH_STAR] = MSR_STAR,
                                                      [SWITCH_LSTAR] = MSR_LSTAR,
                                                      [SWITCH_CSTAR] = MSR_CSTAR,
                                                      [SWITCH_SFMASK] = MSR_SFMASK,
                                                      [SWITCH_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE};

// A bit an MSR: reads of low and high ones, then writes [SDM] 3C 25.6.9
static void msr_pass(uint32_t msr)
{
    uint32_t bit = (msr & 0x1fff) + (msr >= 0xc0000000 ? 0x2000 : 0);
    msr_bitmap[bit / 8] &= (uint8_t) ~(1u << bit % 8);
    msr_bitmap[bit / 8 + 0x800] &= (uint8_t) ~(1u << bit % 8);
}

// MSRs of what the CPU has not do not exist.
static void read_capabilities(struct vmx_capabilities *c)
{
    c->features = rdmsr(MSR_FEATURE_CONTROL);
    c->basic = rdmsr(MSR_BASIC);
    uint32_t words = (c->basic & BASIC_TRUE) ? MSR_TRUE_WORDS : MSR_WORDS;
    c->words[WORD_PIN] = rdmsr(words);
    c->words[WORD_PRIMARY] = rdmsr(words + 1);
    c->words[WORD_EXIT] = rdmsr(words + 2);
    c->words[WORD_ENTRY] = rdmsr(words + 3);
    c->misc = rdmsr(MSR_MISC);
    c->cr0_fixed0 = rdmsr(MSR_CR0_FIXED0);
    c->cr4_fixed0 = rdmsr(MSR_CR4_FIXED0);
    c->cr4_fixed1 = rdmsr(MSR_CR4_FIXED1);
    if (c->words[WORD_PRIMARY] >> 63)
        c->words[WORD_SECONDARY] = rdmsr(MSR_SECONDARY);
    if (c->words[WORD_SECONDARY] >> 33 & 1)
        c->ept = rdmsr(MSR_EPT);
}

static const char *vmx_probe(void)
{
    struct vmx_capabilities capabilities = {0};
    if (!(cpuid(1, 0).ecx & ECX_VMX))
        return "the CPU has no VMX";
    read_capabilities(&capabilities);
    const char *missing = vmx_resolve(&capabilities, &vmx);
    if (missing)
        return missing;
    msr_bitmap = kmem_alloc(NULL, PAGE_SIZE);
    if (!msr_bitmap)
        return "no kernel memory for VMX's bitmap";
    memset(msr_bitmap, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < sizeof(free_msrs) / sizeof(free_msrs[0]); i++)
        msr_pass(free_msrs[i]);
    virt_limits.cr4 &= vmx.cr4_possible;
    return NULL;
}

static void vmx_cpu_enable(struct cpu *cpu)
{
    struct vmx_cpu *own = kmem_alloc(NULL, sizeof(*own));
    uint32_t *region = kmem_alloc(NULL, PAGE_SIZE);
    if (!own || !region)
        panic("no kernel memory to enable VMX on CPU %u", cpu->id);
    own->next_vpid = VPIDS;                 // the first one taken flushes
    own->era = (uint64_t)cpu->id << 48 | 1; // zero is no era
    asm("sgdt %0" : "=m"(own->gdt));
    for (unsigned i = 0; i < SWITCHED_MSRS; i++)
        own->msr[i] = (struct vmx_msr_entry){switched_msrs[i], rdmsr(switched_msrs[i])};
    cpu->virt = own;
    *region = vmx.revision;
    if (!(rdmsr(MSR_FEATURE_CONTROL) & 1))
        wrmsr(MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL) | FEATURES_ENABLE);
    write_cr4(read_cr4() | CR4_VMXE);
    if (!vmxon(phys_of(region)))
        panic("VMXON fails on CPU %u", cpu->id);
}

void vmx_load(const struct vmx_vcpu *hw)
{
    struct vmx_cpu *cpu = this_cpu()->virt;
    if (__builtin_expect(cpu->current == hw, 1))
        return;
    cpu->current = hw;
    vmptrld(hw->phys);
}

// What an exit loads: this CPU's, so written when the vCPU first runs. HOST_CR3 and the FS base follow who
// ran last (vmx_run.c).
void vmx_host_state(struct vmx_vcpu *hw)
{
    struct cpu *cpu = this_cpu();
    struct vmx_cpu *own = cpu->virt;
    struct descriptor_table idt;
    asm("sidt %0" : "=m"(idt));
    vmwrite(VMCS_HOST_CS_SELECTOR, SELECTOR_KERNEL_CODE);
    for (uint32_t field = VMCS_HOST_SS_SELECTOR; field <= VMCS_HOST_DS_SELECTOR; field += 2)
        vmwrite(field, SELECTOR_KERNEL_DATA);
    vmwrite(VMCS_HOST_ES_SELECTOR, SELECTOR_KERNEL_DATA);
    vmwrite(VMCS_HOST_TR_SELECTOR, SELECTOR_TSS);
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)cpu);
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&cpu->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, own->gdt.base);
    vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
    vmwrite(VMCS_HOST_RSP, (uint64_t)&hw->gpr);
    vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
    vmwrite(VMCS_EXIT_LOAD, phys_of(own->msr));
    vmwrite(VMCS_EXIT_LOAD_COUNT, SWITCHED_MSRS);
}

// Fields have no value before they are written [SDM] 3C 25.11.3.
static const uint16_t zero_fields[] = {
    VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR,  VMCS_DEBUGCTL,
    VMCS_FAULT_MASK,       VMCS_FAULT_MATCH,       VMCS_CR3_TARGETS,
    VMCS_ENTRY_EVENT,      VMCS_TPR_THRESHOLD,     VMCS_ACTIVITY,
    VMCS_HOST_SYSENTER_CS, VMCS_HOST_SYSENTER_ESP, VMCS_HOST_SYSENTER_EIP,
    VMCS_HOST_CR3,         VMCS_HOST_FS_BASE,      VMCS_RSP,
};

static void write_controls(struct vmx_vcpu *hw)
{
    static const uint32_t words[WORDS] = {[WORD_PIN] = VMCS_PIN,
                                          [WORD_PRIMARY] = VMCS_PRIMARY,
                                          [WORD_SECONDARY] = VMCS_SECONDARY,
                                          [WORD_EXIT] = VMCS_EXIT,
                                          [WORD_ENTRY] = VMCS_ENTRY};
    for (unsigned w = 0; w < WORDS; w++)
        vmwrite(words[w], vmx.words[w]);
    for (unsigned i = 0; i < sizeof(zero_fields) / sizeof(zero_fields[0]); i++)
        vmwrite(zero_fields[i], 0);
    hw->primary = vmx.words[WORD_PRIMARY];
    hw->entry = vmx.words[WORD_ENTRY];
    vmwrite(VMCS_EXCEPTIONS, 1u << EXCEPTION_DB | 1u << EXCEPTION_AC | 1u << EXCEPTION_MC);
    vmwrite(VMCS_CR0_MASK, ~(CR0_MP | CR0_TS));
    vmwrite(VMCS_CR4_MASK, UINT64_MAX);
    vmwrite(VMCS_MSR_BITMAP, phys_of(msr_bitmap));
    vmwrite(VMCS_VIRTUAL_APIC, phys_of(hw->apic));
    vmwrite(VMCS_LINK, UINT64_MAX);
    vmwrite(VMCS_EXIT_STORE, phys_of(hw->msr));
    vmwrite(VMCS_ENTRY_LOAD, phys_of(hw->msr));
    vmwrite(VMCS_EXIT_STORE_COUNT, SWITCHED_MSRS);
    vmwrite(VMCS_ENTRY_LOAD_COUNT, SWITCHED_MSRS);
}

static void vmx_vcpu_init(struct vcpu *vcpu)
{
    struct vmx_vcpu *hw = vcpu->hw;
    hw->phys = phys_of(hw->vmcs);
    hw->gpr = vcpu->gpr;
    hw->flushes = vcpu->space->aspace.flushes - 1; // a former space may have had the same root
    *(uint32_t *)(void *)hw->vmcs = vmx.revision;
    for (unsigned i = 0; i < SWITCHED_MSRS; i++)
        hw->msr[i].index = switched_msrs[i];
    vmclear(hw->phys);
    vmx_load(hw);
    write_controls(hw);
    vmwrite(VMCS_EPTP, vcpu->space->root | vmx.eptp);
    vmx_write(vcpu, GROUP_ALL, &virt_reset_state);
}

// The CPU may keep parts of a VMCS, and would write them back.
static void vmx_vcpu_release(struct vcpu *vcpu)
{
    struct vmx_vcpu *hw = vcpu->hw;
    struct vmx_cpu *cpu = this_cpu()->virt;
    vmclear(hw->phys);
    if (cpu->current == hw)
        cpu->current = NULL;
}

static void vmx_inject(struct vcpu *vcpu, uint64_t event)
{
    ((struct vmx_vcpu *)vcpu->hw)->event = event;
}

// Looked at before each entry.
static void vmx_offer(struct vcpu *vcpu, uint64_t offer)
{
    vcpu->offer = offer;
}

struct virt_ops vmx_ops = {
    .name = "VMX",
    .kind = VIRTUALIZATION_VMX,
    .features = VCPU_FEATURE_LENGTHS,
    .vcpu_bytes = sizeof(struct vmx_vcpu),
    .probe = vmx_probe,
    .cpu_enable = vmx_cpu_enable,
    .vcpu_init = vmx_vcpu_init,
    .vcpu_release = vmx_vcpu_release,
    .run = vmx_run,
    .read = vmx_read,
    .write = vmx_write,
    .inject = vmx_inject,
    .offer = vmx_offer,
    .interruptible = vmx_interruptible,
    .skip_pio = vmx_skip_pio,
    .paging_format = PAGING_EPT,
};
