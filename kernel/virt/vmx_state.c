// Intel VMX: the guest's state between VMCS and struct vcpu_state
// SPDX-License-Identifier: MIT
//
// One table of rows moves it in both directions. What a row cannot say is said in the functions below it: the
// control registers, of which the guest sees shadows; what follows from other fields; flushing.
#include "kernel/platform/x86.h"
#include "kernel/virt/vmx.h"

enum row_kind {
    ROW_64 = 1,
    ROW_SEGMENT, // four fields, from the selector's
    ROW_OWN,     // 64 bits of struct vmx_vcpu: not in the VMCS, or derived from there
};

#define FIELD(field, name) ROW(64, VMCS_##field, name)
#define OWN(field, name)   ROW(OWN, offsetof(struct vmx_vcpu, field), name)
#define SEGMENT(segment)   ROW(SEGMENT, VMCS_ES_SELECTOR + 2 * (segment), seg[segment])
#define SWITCHED(i, name)  OWN(msr[i].value, name) // in the order of virt_free_msrs

// clang-format off
ROW_TABLE = {
    OF(CR){OWN(cr2, cr2), FIELD(CR3, cr3), {0}},
    OF(EFER){FIELD(EFER, efer), {0}},
    OF(SEG_CODE){SEGMENT(SEG_CS), SEGMENT(SEG_SS), {0}},
    OF(SEG_DATA){SEGMENT(SEG_ES), SEGMENT(SEG_DS), SEGMENT(SEG_FS), SEGMENT(SEG_GS), {0}},
    OF(SEG_SYSTEM){SEGMENT(SEG_LDTR), SEGMENT(SEG_TR), FIELD(GDTR_BASE, gdtr.base),
                   FIELD(GDTR_LIMIT, gdtr.limit), FIELD(IDTR_BASE, idtr.base), FIELD(IDTR_LIMIT, idtr.limit), {0}},
    OF(MSR){SWITCHED(0, star), SWITCHED(1, lstar), SWITCHED(2, cstar), SWITCHED(3, sfmask),
            SWITCHED(4, kernel_gs_base), FIELD(SYSENTER_CS, sysenter_cs),
            FIELD(SYSENTER_ESP, sysenter_esp), FIELD(SYSENTER_EIP, sysenter_eip), FIELD(PAT, pat), {0}},
    OF(DR){OWN(dr[0], dr[0]), OWN(dr[1], dr[1]), OWN(dr[2], dr[2]), OWN(dr[3], dr[3]), OWN(dr6, dr6),
           OWN(dr7, dr7), {0}},
    OF(TSC){FIELD(TSC_OFFSET, tsc_offset), {0}},
    OF(EVENT){OWN(event, event), {0}},
};
// clang-format on

#define ACCESS_UNUSABLE 0x10000u
#define CR0_GUESTS_OWN  (CR0_MP | CR0_TS)
#define CR0_CACHE       (CR0_CD | CR0_NW) // VM entry leaves these alone [SDM] 3C 27.3.2.1

// Access rights have bits 8 to 11 of ours four higher, and say "unusable" apart [SDM] 3C 25.4.1.
static void read_segment(uint32_t selector, struct vcpu_segment *s)
{
    uint32_t at = selector - VMCS_ES_SELECTOR, access = (uint32_t)vmread(VMCS_ES_ACCESS + at);
    uint32_t attributes = (access & 0xff) | (access >> 4 & 0xf00);
    s->selector = (uint16_t)vmread(selector);
    s->attributes = (uint16_t)((access & ACCESS_UNUSABLE) ? attributes & ~SEGMENT_PRESENT : attributes);
    s->limit = (uint32_t)vmread(VMCS_ES_LIMIT + at);
    s->base = vmread(VMCS_ES_BASE + at);
}

static void write_segment(uint32_t selector, const struct vcpu_segment *s)
{
    uint32_t at = selector - VMCS_ES_SELECTOR, attributes = s->attributes;
    uint32_t access = (attributes & 0xff) | (attributes & 0xf00) << 4;
    vmwrite(selector, s->selector);
    vmwrite(VMCS_ES_ACCESS + at, (attributes & SEGMENT_PRESENT) ? access : access | ACCESS_UNUSABLE);
    vmwrite(VMCS_ES_LIMIT + at, s->limit);
    vmwrite(VMCS_ES_BASE + at, s->base);
}

static inline void row_read(const struct row *row, const char *hw, char *state)
{
    void *to = state + row->state;
    if (row->kind == ROW_64)
        *(uint64_t *)to = vmread(row->hw);
    else if (row->kind == ROW_SEGMENT)
        read_segment(row->hw, to);
    else
        *(uint64_t *)to = *(const uint64_t *)(const void *)(hw + row->hw);
}

static inline void row_write(const struct row *row, char *hw, const char *state)
{
    const void *from = state + row->state;
    if (row->kind == ROW_64)
        vmwrite(row->hw, *(const uint64_t *)from);
    else if (row->kind == ROW_SEGMENT)
        write_segment(row->hw, from);
    else
        *(uint64_t *)(void *)(hw + row->hw) = *(const uint64_t *)from;
}

// Loaded by a MOV of the guest's; one that the monitor carries out loads nothing [SDM] 3C 27.3.2.4. The four
// fields are 2 apart.
static bool pae_paging(const struct vmx_vcpu *hw)
{
    return (hw->cr0 & CR0_PG) && (hw->cr4 & CR4_PAE) && !(hw->entry & ENTRY_LONG_MODE);
}

// The guest sees of CR0 what it or the monitor wrote, but for the bits that it writes without an exit.
static void read_controls(const struct vmx_vcpu *hw, struct vcpu_state *state)
{
    state->cr0 = hw->cr0 | (vmread(VMCS_CR0) & CR0_GUESTS_OWN);
    state->cr4 = hw->cr4;
    state->cr8 = hw->tpr >> 4;
    for (uint32_t i = 0; pae_paging(hw) && i < 4; i++)
        state->pdpte[i] = vmread(VMCS_PDPTE + 2 * i);
}

static void write_controls(struct vmx_vcpu *hw, const struct vcpu_state *state)
{
    hw->cr0 = state->cr0 & ~CR0_GUESTS_OWN;
    hw->cr4 = state->cr4;
    hw->tpr = (uint32_t)state->cr8 << 4;
    vmwrite(VMCS_CR0_SHADOW, state->cr0);
    vmwrite(VMCS_CR0, (state->cr0 & ~CR0_CACHE) | vmx.cr0);
    vmwrite(VMCS_CR4_SHADOW, state->cr4);
    vmwrite(VMCS_CR4, state->cr4 | vmx.cr4);
    for (uint32_t i = 0; pae_paging(hw) && i < 4; i++)
        vmwrite(VMCS_PDPTE + 2 * i, state->pdpte[i]);
}

// VM entry wants the operating mode told apart [SDM] 3C 27.3.1.1.
static void write_mode(struct vmx_vcpu *hw, uint64_t efer)
{
    uint32_t entry = (efer & EFER_LMA) ? hw->entry | ENTRY_LONG_MODE : hw->entry & ~ENTRY_LONG_MODE;
    if (entry != hw->entry)
        vmwrite(VMCS_ENTRY, entry);
    hw->entry = entry;
}

// A single step that a shadow holds back must be told apart [SDM] 3C 27.3.1.5.
static inline void write_rip(const struct vcpu_state *state)
{
    uint32_t blocking = state->blocking, step = 0;
    if (blocking) {
        step = (blocking & BLOCKING_SHADOWS) && (state->rflags & RFLAGS_TF) ? PENDING_DEBUG_BS : 0;
        blocking = (blocking & BLOCKING_SHADOWS) | (blocking & BLOCKING_NMI ? VMCS_BLOCKING_NMI : 0);
    }
    vmwrite(VMCS_RIP, state->rip);
    vmwrite(VMCS_RFLAGS, state->rflags);
    vmwrite(VMCS_BLOCKING, blocking);
    vmwrite(VMCS_PENDING_DEBUG, step);
}

// What is more than RIP's group, or not of the VMCS that is loaded. RIP's comes last, by the short way.
static NOINLINE bool read_rows(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state)
{
    struct vmx_vcpu *hw = vcpu->hw;
    vmx_load(hw);
    FOR_ROWS(row, groups)
    row_read(row, (const char *)hw, (char *)state);
    if (groups & GROUP_CR)
        read_controls(hw, state);
    return vmx_read(vcpu, groups & GROUP_RIP, state);
}

bool vmx_read(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state)
{
    const struct vmx_vcpu *hw = vcpu->hw;
    if (!hw->loaded || (groups & ROW_GROUPS))
        return read_rows(vcpu, groups, state);
    uint64_t rflags = vmread(VMCS_RFLAGS), blocking = vmread(VMCS_BLOCKING);
    if (groups & GROUP_RIP) {
        state->rip = vmread(VMCS_RIP);
        state->rflags = rflags;
        state->blocking = (blocking & BLOCKING_SHADOWS) | ((blocking & VMCS_BLOCKING_NMI) ? BLOCKING_NMI : 0);
    }
    return virt_interruptible(rflags, blocking, hw->event);
}

static NOINLINE void write_rows(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state)
{
    struct vmx_vcpu *hw = vcpu->hw;
    vmx_load(hw);
    FOR_ROWS(row, groups)
    row_write(row, (char *)hw, (const char *)state);
    if (groups & GROUP_EFER)
        write_mode(hw, state->efer);
    if (groups & GROUP_CR)
        write_controls(hw, state);
    if (groups & GROUP_DR)
        vmwrite(VMCS_DR7, state->dr7);
    if (groups & FLUSHING)
        hw->era = 0;
    vmx_write(vcpu, groups & GROUP_RIP, state);
}

void vmx_write(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state)
{
    if (!((const struct vmx_vcpu *)vcpu->hw)->loaded || (groups & ROW_GROUPS))
        write_rows(vcpu, groups, state);
    else if (groups & GROUP_RIP)
        write_rip(state);
}
