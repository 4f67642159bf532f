// Intel VMX: the guest's state between VMCS and struct vcpu_state
// SPDX-License-Identifier: MIT
//
// One table of rows moves it in both directions. What a row cannot say is said in the functions below it: the
// control registers, of which the guest sees shadows; what follows from other fields; flushing.
#include "kernel/platform/x86.h"
#include "kernel/virt/vmx.h"
#include "kernel/virt/vmx_instructions.h"

enum row_kind {
    ROW_64,
    ROW_SEGMENT, // four fields, from the selector's
    ROW_OWN,     // 64 bits of struct vmx_vcpu: not in the VMCS, or derived from there
};

struct row {
    uint16_t group;
    uint16_t hw;    // enum vmcs_field, or offset in struct vmx_vcpu
    uint16_t state; // offset in struct vcpu_state
    uint16_t kind;
};

#define ROW(g, k, field, name)                                                                               \
    {                                                                                                        \
        GROUP_##g, (field), offsetof(struct vcpu_state, name), ROW_##k                                       \
    }
#define FIELD(g, field, name) ROW(g, 64, VMCS_##field, name)
#define OWN(g, field, name)   ROW(g, OWN, offsetof(struct vmx_vcpu, field), name)
#define SEGMENT(g, segment)   ROW(g, SEGMENT, VMCS_ES_SELECTOR + 2 * (segment), seg[segment])
#define SWITCHED(msr_, name)  OWN(MSR, msr[SWITCH_##msr_].value, name)

// In the order of the groups' bits.
static const struct row rows[] = {
    OWN(CR, cr2, cr2),
    FIELD(CR, CR3, cr3),
    FIELD(EFER, EFER, efer),
    SEGMENT(SEG_CODE, SEG_CS),
    SEGMENT(SEG_CODE, SEG_SS),
    SEGMENT(SEG_DATA, SEG_ES),
    SEGMENT(SEG_DATA, SEG_DS),
    SEGMENT(SEG_DATA, SEG_FS),
    SEGMENT(SEG_DATA, SEG_GS),
    SEGMENT(SEG_SYSTEM, SEG_LDTR),
    SEGMENT(SEG_SYSTEM, SEG_TR),
    FIELD(SEG_SYSTEM, GDTR_BASE, gdtr.base),
    FIELD(SEG_SYSTEM, GDTR_LIMIT, gdtr.limit),
    FIELD(SEG_SYSTEM, IDTR_BASE, idtr.base),
    FIELD(SEG_SYSTEM, IDTR_LIMIT, idtr.limit),
    SWITCHED(STAR, star),
    SWITCHED(LSTAR, lstar),
    SWITCHED(CSTAR, cstar),
    SWITCHED(SFMASK, sfmask),
    SWITCHED(KERNEL_GS_BASE, kernel_gs_base),
    FIELD(MSR, SYSENTER_CS, sysenter_cs),
    FIELD(MSR, SYSENTER_ESP, sysenter_esp),
    FIELD(MSR, SYSENTER_EIP, sysenter_eip),
    FIELD(MSR, PAT, pat),
    OWN(DR, dr[0], dr[0]),
    OWN(DR, dr[1], dr[1]),
    OWN(DR, dr[2], dr[2]),
    OWN(DR, dr[3], dr[3]),
    OWN(DR, dr6, dr6),
    OWN(DR, dr7, dr7),
    FIELD(TSC, TSC_OFFSET, tsc_offset),
    OWN(EVENT, event, event),
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

#define SEGMENT_PRESENT  0x80u
#define ACCESS_UNUSABLE  0x10000u
#define CR0_GUESTS_OWN   (CR0_MP | CR0_TS)
#define CR0_CACHE        (CR0_CD | CR0_NW) // VM entry leaves these alone [SDM] 3C 27.3.2.1
#define BLOCKING_SHADOWS (BLOCKING_STI | BLOCKING_MOV_SS)
#define FLUSHING         (GROUP_CR | GROUP_EFER | GROUP_MSR) // paging modes and PAT sit in the TLB

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

// The guest sees of CR0 what it or the monitor wrote, but for the bits that it writes without an exit.
static void read_controls(const struct vmx_vcpu *hw, struct vcpu_state *state)
{
    state->cr0 = hw->cr0 | (vmread(VMCS_CR0) & CR0_GUESTS_OWN);
    state->cr4 = hw->cr4;
    state->cr8 = hw->tpr >> 4;
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
}

// VM entry wants the operating mode told apart [SDM] 3C 27.3.1.1.
static void write_mode(struct vmx_vcpu *hw, uint64_t efer)
{
    uint32_t entry = (efer & EFER_LMA) ? hw->entry | ENTRY_LONG_MODE : hw->entry & ~ENTRY_LONG_MODE;
    if (entry != hw->entry)
        vmwrite(VMCS_ENTRY, entry);
    hw->entry = entry;
}

static inline void read_rip(struct vcpu_state *state)
{
    uint32_t blocking = (uint32_t)vmread(VMCS_BLOCKING);
    state->rip = vmread(VMCS_RIP);
    state->rflags = vmread(VMCS_RFLAGS);
    state->blocking = (blocking & BLOCKING_SHADOWS) | (blocking & VMCS_BLOCKING_NMI ? BLOCKING_NMI : 0);
}

// A single step that a shadow holds back must be told apart [SDM] 3C 27.3.1.5.
static inline void write_rip(const struct vcpu_state *state)
{
    uint32_t shadows = state->blocking & BLOCKING_SHADOWS;
    bool step = shadows && (state->rflags & RFLAGS_TF);
    vmwrite(VMCS_RIP, state->rip);
    vmwrite(VMCS_RFLAGS, state->rflags);
    vmwrite(VMCS_BLOCKING, shadows | (state->blocking & BLOCKING_NMI ? VMCS_BLOCKING_NMI : 0));
    vmwrite(VMCS_PENDING_DEBUG, step ? PENDING_DEBUG_BS : 0);
}

static NOINLINE void read_rows(const struct vmx_vcpu *hw, uint32_t groups, struct vcpu_state *state)
{
    for (const struct row *row = rows; row < &rows[ROWS]; row++)
        if (row->group & groups)
            row_read(row, (const char *)hw, (char *)state);
    if (groups & GROUP_CR)
        read_controls(hw, state);
}

void vmx_read(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state)
{
    vmx_load(vcpu->hw);
    if (groups & GROUP_RIP)
        read_rip(state);
    if (groups & VIRT_GROUPS & ~(uint32_t)GROUP_RIP)
        read_rows(vcpu->hw, groups, state);
}

static NOINLINE void write_rows(struct vmx_vcpu *hw, uint32_t groups, const struct vcpu_state *state)
{
    for (const struct row *row = rows; row < &rows[ROWS]; row++)
        if (row->group & groups)
            row_write(row, (char *)hw, (const char *)state);
    if (groups & GROUP_CR)
        write_controls(hw, state);
    if (groups & GROUP_EFER)
        write_mode(hw, state->efer);
    if (groups & GROUP_DR)
        vmwrite(VMCS_DR7, state->dr7);
    if (groups & FLUSHING)
        hw->era = 0;
}

void vmx_write(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state)
{
    vmx_load(vcpu->hw);
    if (groups & GROUP_RIP)
        write_rip(state);
    if (groups & VIRT_GROUPS & ~(uint32_t)GROUP_RIP)
        write_rows(vcpu->hw, groups, state);
}
