// The back-end of this machine: which one, what its CPUs allow a guest, and writing state with all checks
// SPDX-License-Identifier: MIT
#include "kernel/virt/virt.h"
#include "kernel/platform/x86.h"

const struct virt_ops *virt;
struct virt_limits virt_limits;

static struct virt_ops *const back_ends[] = {&svm_ops, &vmx_ops};
enum { BACK_ENDS = sizeof(back_ends) / sizeof(back_ends[0]) };
const char *virt_missing[BACK_ENDS + 1];

// CR4 bits that a guest may set when the CPU has the feature. Not here: what needs more state than we switch
// (CET, PKS, PKE), paging of five levels, VMXE and SMXE.
enum source { LEAF1_ECX, LEAF1_EDX, LEAF7_EBX, LEAF7_ECX, SOURCES };
static const struct {
    uint8_t cr4_bit, source, feature_bit;
} cr4_features[] = {
    {0, LEAF1_EDX, 1},   // VME
    {1, LEAF1_EDX, 1},   // PVI
    {2, LEAF1_EDX, 4},   // TSD
    {3, LEAF1_EDX, 2},   // DE
    {4, LEAF1_EDX, 3},   // PSE
    {5, LEAF1_EDX, 6},   // PAE
    {6, LEAF1_EDX, 7},   // MCE
    {7, LEAF1_EDX, 13},  // PGE
    {8, LEAF1_EDX, 0},   // PCE: RDPMC exits
    {9, LEAF1_EDX, 24},  // OSFXSR
    {10, LEAF1_EDX, 25}, // OSXMMEXCPT
    {11, LEAF7_ECX, 2},  // UMIP
    {16, LEAF7_EBX, 0},  // FSGSBASE
    {17, LEAF1_ECX, 17}, // PCIDE
    {18, LEAF1_ECX, 26}, // OSXSAVE
    {20, LEAF7_EBX, 7},  // SMEP
    {21, LEAF7_EBX, 20}, // SMAP
};

// [APM] 2 14.1.3, but RDX, which tells the CPU's model.
const struct vcpu_state virt_reset_state = {
    .rip = 0xfff0,
    .rflags = RFLAGS_1,
    .cr0 = CR0_CD | CR0_NW | CR0_ET,
    .seg =
        {
            [SEG_ES] = {0, 0x93, 0xffff, 0},
            [SEG_CS] = {0xf000, 0x9b, 0xffff, 0xffff0000},
            [SEG_SS] = {0, 0x93, 0xffff, 0},
            [SEG_DS] = {0, 0x93, 0xffff, 0},
            [SEG_FS] = {0, 0x93, 0xffff, 0},
            [SEG_GS] = {0, 0x93, 0xffff, 0},
            [SEG_LDTR] = {0, 0x82, 0xffff, 0},
            [SEG_TR] = {0, 0x8b, 0xffff, 0},
        },
    .gdtr = {0, 0xffff},
    .idtr = {0, 0xffff},
    .pat = 0x0007040600070406,
    .dr6 = 0xffff0ff0,
    .dr7 = 0x400,
    .xcr0 = 1,
};

// Those with numbers: SYSENTER_CS, _ESP, _EIP
const uint32_t virt_free_msrs[FREE_MSRS] = {
    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,  MSR_KERNEL_GS_BASE,
    0x174,    0x175,     0x176,     MSR_FS_BASE, MSR_GS_BASE,
};

static void find_limits(void)
{
    struct cpuid one = cpuid(1, 0), seven = cpuid(7, 0);
    const uint32_t features[SOURCES] = {one.ecx, one.edx, seven.ebx, seven.ecx};
    virt_limits.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    virt_limits.address_bits = cpuid(0x80000008, 0).eax & 0xff;
    for (unsigned i = 0; i < sizeof(cr4_features) / sizeof(cr4_features[0]); i++)
        if (features[cr4_features[i].source] >> cr4_features[i].feature_bit & 1)
            virt_limits.cr4 |= UINT64_C(1) << cr4_features[i].cr4_bit;
}

void virt_init(void)
{
    find_limits();
    for (unsigned i = 0; i < BACK_ENDS && !virt; i++) {
        virt_missing[i] = back_ends[i]->probe();
        if (!virt_missing[i])
            virt = back_ends[i];
    }
}

enum status virt_check_state(uint32_t groups, const struct vcpu_state *state)
{
    return virt_check(groups, state, &virt_limits) == CHECK_OK ? STATUS_OK : STATUS_BAD_ARG;
}

bool virt_take_tag(struct virt_tags *tags, uint64_t *era, uint32_t *tag)
{
    bool used_up = tags->next >= tags->count;
    if (used_up) {
        tags->next = 1;
        tags->era++;
    }
    *era = tags->era;
    *tag = tags->next++;
    return used_up;
}

enum virt_result virt_failed(struct vcpu *vcpu, uint64_t raw)
{
    struct vcpu_state state;
    virt->read(vcpu, GROUP_ALL, &state);
    vcpu->exit = (struct vcpu_exit){
        .kind = EXIT_ERROR, .value = virt_check(GROUP_ALL, &state, &virt_limits), .raw = raw};
    return VIRT_EXIT;
}

enum status virt_check_whole(const struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state)
{
    struct vcpu_state whole = *state;
    virt->read(vcpu, VIRT_GROUPS & ~groups, &whole);
    return virt_check_state(VIRT_GROUPS, &whole);
}
