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

#define ECX_VMX (1u << 5) // of CPUID 1

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURES_ENABLE     5u // VMXON outside SMX; locked
#define MSR_CAPABILITIES    0x480
#define PRIMARY_SECONDARY   (UINT64_C(1) << 63)
#define SECONDARY_EPT       (UINT64_C(1) << 33)

struct vmx_set_up vmx;

static uint8_t *msr_bitmap;

// A bit an MSR: reads of low and high ones, then writes [SDM] 3C 25.6.9
static void msr_pass(uint32_t msr)
{
    uint32_t bit = (msr & 0x1fff) + (msr >= 0xc0000000 ? 0x2000 : 0);
    msr_bitmap[bit / 8] &= (uint8_t) ~(1u << bit % 8);
    msr_bitmap[bit / 8 + 0x800] &= (uint8_t) ~(1u << bit % 8);
}

static void read_capabilities(uint64_t *c)
{
    for (uint32_t i = 0; i < CAPABILITIES; i++) {
        bool exists = i == CAP_SECONDARY ? c[CAP_WORDS + 1] & PRIMARY_SECONDARY
                      : i == CAP_EPT     ? c[CAP_SECONDARY] & SECONDARY_EPT
                      : i > CAP_EPT      ? c[CAP_BASIC] & BASIC_TRUE_WORDS
                                         : true;
        c[i] = exists ? rdmsr(MSR_CAPABILITIES + i) : 0;
    }
}

static const char *vmx_probe(void)
{
    uint64_t capabilities[CAPABILITIES];
    if (!(cpuid(1, 0).ecx & ECX_VMX))
        return "the CPU has no VMX";
    read_capabilities(capabilities);
    const char *missing = vmx_resolve(rdmsr(MSR_FEATURE_CONTROL), capabilities, &vmx);
    if (missing)
        return missing;
    msr_bitmap = kmem_alloc(NULL, PAGE_SIZE);
    if (!msr_bitmap)
        return "no kernel memory for VMX's bitmap";
    memset(msr_bitmap, 0xff, PAGE_SIZE);
    for (unsigned i = 0; i < FREE_MSRS; i++)
        msr_pass(virt_free_msrs[i]);
    virt_limits.cr4 &= vmx.cr4_possible;
    virt_limits.pdpte_reserved = 0x1e6 | ~UINT64_C(0) << virt_limits.address_bits; // [SDM] 3A table 4-8
    return NULL;
}

static void vmx_cpu_enable(struct cpu *cpu)
{
    struct vmx_cpu *own = kmem_alloc(NULL, sizeof(*own));
    uint32_t *region = kmem_alloc(NULL, PAGE_SIZE);
    if (!own || !region)
        panic("no kernel memory to enable VMX on CPU %u", cpu->id);
    own->vpids = virt_tags(cpu->id, VPIDS);
    asm("sgdt %0" : "=m"(own->gdt));
    for (unsigned i = 0; i < SYSCALL_MSRS; i++)
        own->msr[i] = (struct vmx_msr_entry){virt_free_msrs[i], rdmsr(virt_free_msrs[i])};
    cpu->virt = own;
    *region = vmx.revision;
    if (!(rdmsr(MSR_FEATURE_CONTROL) & 1))
        wrmsr(MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL) | FEATURES_ENABLE);
    write_cr4(read_cr4() | CR4_VMXE);
    if (!vmxon(phys_of(region)))
        panic("VMXON fails on CPU %u", cpu->id);
}

void vmx_switch(struct vmx_vcpu *hw)
{
    struct vmx_cpu *cpu = this_cpu()->virt;
    if (cpu->current)
        cpu->current->loaded = false;
    cpu->current = hw;
    hw->loaded = true;
    vmptrld(hw->phys);
}

// Fields have no value before they are written [SDM] 3C 25.11.3. The host's segments are flat and their bases
// 0 but for those of FS, GS and the task.
// clang-format off
static const struct {
    uint16_t field;
    uint64_t value;
} constants[] = {
    {VMCS_HOST_CS_SELECTOR, SELECTOR_KERNEL_CODE}, {VMCS_HOST_SS_SELECTOR, SELECTOR_KERNEL_DATA},
    {VMCS_HOST_DS_SELECTOR, SELECTOR_KERNEL_DATA}, {VMCS_HOST_ES_SELECTOR, SELECTOR_KERNEL_DATA},
    {VMCS_HOST_FS_SELECTOR, 0}, {VMCS_HOST_GS_SELECTOR, 0}, {VMCS_HOST_TR_SELECTOR, SELECTOR_TSS},
    {VMCS_HOST_SYSENTER_CS, 0}, {VMCS_HOST_SYSENTER_ESP, 0}, {VMCS_HOST_SYSENTER_EIP, 0},
    {VMCS_HOST_RIP, (uint64_t)vmx_exit_entry},
    {VMCS_EXCEPTIONS, 1u << EXCEPTION_DB | 1u << EXCEPTION_AC | 1u << EXCEPTION_MC},
    {VMCS_FAULT_MASK, 0}, {VMCS_FAULT_MATCH, 0}, {VMCS_CR3_TARGETS, 0}, {VMCS_TPR_THRESHOLD, 0},
    {VMCS_CR0_MASK, ~(CR0_MP | CR0_TS)}, {VMCS_CR4_MASK, UINT64_MAX}, {VMCS_LINK, UINT64_MAX},
    {VMCS_EXIT_STORE_COUNT, SYSCALL_MSRS}, {VMCS_EXIT_LOAD_COUNT, SYSCALL_MSRS},
    {VMCS_ENTRY_LOAD_COUNT, SYSCALL_MSRS}, {VMCS_ENTRY_EVENT, 0}, {VMCS_ACTIVITY, 0}, {VMCS_DEBUGCTL, 0},
};
// clang-format on

// What an exit loads: this CPU's, so written when the vCPU first runs. HOST_CR3 and the FS base follow who
// ran last (vmx_run.c).
void vmx_host_state(struct vmx_vcpu *hw)
{
    struct cpu *cpu = this_cpu();
    struct vmx_cpu *own = cpu->virt;
    struct descriptor_table idt;
    asm("sidt %0" : "=m"(idt));
    vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
    vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
    vmwrite(VMCS_HOST_CR0, read_cr0());
    vmwrite(VMCS_HOST_CR4, read_cr4());
    vmwrite(VMCS_HOST_GS_BASE, (uint64_t)cpu);
    vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&cpu->tss);
    vmwrite(VMCS_HOST_GDTR_BASE, own->gdt.base);
    vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
    vmwrite(VMCS_HOST_RSP, (uint64_t)&hw->gpr);
    vmwrite(VMCS_EXIT_LOAD, phys_of(own->msr));
}

static void write_controls(struct vmx_vcpu *hw, uint64_t root)
{
    static const uint16_t words[WORDS] = {VMCS_PIN, VMCS_PRIMARY, VMCS_SECONDARY, VMCS_EXIT, VMCS_ENTRY};
    for (unsigned i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        vmwrite(constants[i].field, constants[i].value);
    for (unsigned w = 0; w < WORDS; w++)
        vmwrite(words[w], vmx.words[w]);
    hw->primary = vmx.words[WORD_PRIMARY];
    hw->entry = vmx.words[WORD_ENTRY];
    vmwrite(VMCS_MSR_BITMAP, phys_of(msr_bitmap));
    vmwrite(VMCS_VIRTUAL_APIC, phys_of(hw->apic));
    vmwrite(VMCS_EXIT_STORE, phys_of(hw->msr));
    vmwrite(VMCS_ENTRY_LOAD, phys_of(hw->msr));
    vmwrite(VMCS_EPTP, root | vmx.eptp);
}

static void vmx_vcpu_init(struct vcpu *vcpu)
{
    struct vmx_vcpu *hw = vcpu->hw;
    hw->phys = phys_of(hw->vmcs);
    hw->gpr = vcpu->gpr;
    hw->flushes = vcpu->space->aspace.flushes - 1; // a former space may have had the same root
    *(uint32_t *)(void *)hw->vmcs = vmx.revision;
    for (unsigned i = 0; i < SYSCALL_MSRS; i++)
        hw->msr[i].index = virt_free_msrs[i];
    vmclear(hw->phys);
    vmx_load(hw);
    write_controls(hw, vcpu->space->root);
    vmx_write(vcpu, GROUP_ALL, &virt_reset_state);
}

// The CPU may keep parts of a VMCS, and would write them back. One that was not made yet has none.
static void vmx_vcpu_release(struct vcpu *vcpu)
{
    struct vmx_vcpu *hw = vcpu->hw;
    struct vmx_cpu *cpu = this_cpu()->virt;
    if (hw->phys)
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
    .skip_pio = vmx_skip_pio,
    .paging_format = PAGING_EPT,
};
