// AMD SVM with nested paging: probe, per-CPU and per-vCPU set-up, the back-end's operations
// SPDX-License-Identifier: MIT
#include "kernel/virt/svm.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/space.h"

#define MSR_VM_CR       0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117
#define VM_CR_SVMDIS    (1ul << 4)

// CPUID [APM] 3 E.4
#define CPUID_SVM_FEATURES 0x8000000a
#define ECX_SVM            (1u << 2) // of 0x80000001
#define EDX_NESTED_PAGING  (1u << 0)
#define EDX_NEXT_RIP       (1u << 3)

enum { IOPM_BYTES = 0x3000, MSRPM_BYTES = 0x2000 }; // [APM] 2 15.10.1, 15.11

bool svm_next_rip;

static uint8_t *iopm, *msrpm;

// Two bits an MSR, read and write, in three ranges of 8192 [APM] 2 15.11
static void msr_pass(uint32_t msr)
{
    uint32_t bit = 2 * ((msr & 0x1fff) + (msr >= 0xc0000000 ? 0x2000 : 0));
    msrpm[bit / 8] &= (uint8_t) ~(3u << bit % 8);
}

static const char *svm_probe(void)
{
    if (cpuid(0x80000000, 0).eax < CPUID_SVM_FEATURES || !(cpuid(0x80000001, 0).ecx & ECX_SVM))
        return "the CPU has no SVM";
    if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
        return "SVM is disabled by the firmware";
    struct cpuid features = cpuid(CPUID_SVM_FEATURES, 0);
    if (!(features.edx & EDX_NESTED_PAGING))
        return "the CPU has SVM without nested paging";
    iopm = kmem_alloc(NULL, IOPM_BYTES);
    msrpm = kmem_alloc(NULL, MSRPM_BYTES);
    if (!iopm || !msrpm)
        return "no kernel memory for SVM's bitmaps";
    memset(iopm, 0xff, IOPM_BYTES);
    memset(msrpm, 0xff, MSRPM_BYTES);
    for (unsigned i = 0; i < FREE_MSRS; i++)
        msr_pass(virt_free_msrs[i]);
    svm_next_rip = features.edx & EDX_NEXT_RIP;
    svm_ops.features = svm_next_rip ? VCPU_FEATURE_LENGTHS : 0;
    return NULL;
}

static void svm_cpu_enable(struct cpu *cpu)
{
    struct svm_cpu *svm = kmem_alloc(NULL, sizeof(*svm));
    void *host_save = kmem_alloc(NULL, PAGE_SIZE);
    void *host = kmem_alloc(NULL, PAGE_SIZE);
    if (!svm || !host_save || !host)
        panic("no kernel memory to enable SVM on CPU %u", cpu->id);
    svm->host = phys_of(host);
    svm->asids = virt_tags(cpu->id, cpuid(CPUID_SVM_FEATURES, 0).ebx);
    cpu->virt = svm;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, phys_of(host_save));
}

static void svm_vcpu_init(struct vcpu *vcpu)
{
    struct svm_vcpu *hw = vcpu->hw;
    struct vmcb_control *control = &hw->vmcb.control;
    hw->phys = phys_of(&hw->vmcb);
    svm_intercept_all(hw);
    control->iopm = phys_of(iopm);
    control->msrpm = phys_of(msrpm);
    control->nested_ctl = NESTED_PAGING;
    control->nested_cr3 = vcpu->space->root;
    svm_write(vcpu, GROUP_ALL, &virt_reset_state);
    svm_offer(vcpu, 0);
}

// The CPU keeps nothing of a VMCB.
static void svm_vcpu_release(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void svm_inject(struct vcpu *vcpu, uint64_t event)
{
    ((struct svm_vcpu *)vcpu->hw)->vmcb.control.event_inj = event;
}

struct virt_ops svm_ops = {
    .name = "SVM",
    .kind = VIRTUALIZATION_SVM,
    .vcpu_bytes = sizeof(struct svm_vcpu),
    .probe = svm_probe,
    .cpu_enable = svm_cpu_enable,
    .vcpu_init = svm_vcpu_init,
    .vcpu_release = svm_vcpu_release,
    .run = svm_run,
    .read = svm_read,
    .write = svm_write,
    .inject = svm_inject,
    .offer = svm_offer,
    .skip_pio = svm_skip_pio,
    .paging_format = PAGING_X86,
};
