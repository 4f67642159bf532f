// AMD SVM: the guest's state between VMCB and struct vcpu_state
// SPDX-License-Identifier: MIT
//
// One table of rows moves it in both directions. What a row cannot say is said in the four functions below
// it: blocking, which the VMCB knows in pieces; EFER and CPL, which the VMCB holds twice; flushing.
#include "kernel/lib/string.h"
#include "kernel/platform/x86.h"
#include "kernel/virt/rows.h"
#include "kernel/virt/svm.h"

enum row_kind {
    ROW_64 = 1,
    ROW_ADDRESS, // 64 bits, canonical
    ROW_32,      // of the VMCB, zero-extended in the state
    ROW_8,
    ROW_SEGMENT,
};

#define AT(k, field, name)     ROW(k, offsetof(struct svm_vcpu, field), name)
#define SAVED(k, name)         AT(k, vmcb.save.name, name)
#define SEGMENT(segment, name) AT(SEGMENT, vmcb.save.name, seg[segment])
#define SEGMENT_ATTRIBUTES     0xfff

// CR8 is V_TPR [APM] 2 15.21.2. There are no PDPTEs: with nested paging the processor has none, and reads the
// guest's from memory at each walk [APM] 2 15.25.10.
// clang-format off
ROW_TABLE = {
    OF(CR){SAVED(64, cr0), SAVED(64, cr2), SAVED(64, cr3), SAVED(64, cr4),
           AT(8, vmcb.control.int_ctl, cr8), {0}},
    OF(EFER){AT(64, efer, efer), {0}},
    OF(SEG_CODE){SEGMENT(SEG_CS, cs), SEGMENT(SEG_SS, ss), {0}},
    OF(SEG_DATA){SEGMENT(SEG_ES, es), SEGMENT(SEG_DS, ds), SEGMENT(SEG_FS, fs), SEGMENT(SEG_GS, gs), {0}},
    OF(SEG_SYSTEM){SEGMENT(SEG_LDTR, ldtr), SEGMENT(SEG_TR, tr),
                   AT(ADDRESS, vmcb.save.gdtr.base, gdtr.base), AT(32, vmcb.save.gdtr.limit, gdtr.limit),
                   AT(ADDRESS, vmcb.save.idtr.base, idtr.base), AT(32, vmcb.save.idtr.limit, idtr.limit), {0}},
    OF(MSR){SAVED(64, star), SAVED(ADDRESS, lstar), SAVED(ADDRESS, cstar), SAVED(64, sfmask),
            SAVED(ADDRESS, kernel_gs_base), SAVED(64, sysenter_cs), SAVED(ADDRESS, sysenter_esp),
            SAVED(ADDRESS, sysenter_eip), SAVED(64, pat), {0}},
    OF(DR){AT(64, dr[0], dr[0]), AT(64, dr[1], dr[1]), AT(64, dr[2], dr[2]), AT(64, dr[3], dr[3]),
           SAVED(64, dr6), SAVED(64, dr7), {0}},
    OF(TSC){AT(64, vmcb.control.tsc_offset, tsc_offset), {0}},
    OF(EVENT){AT(64, vmcb.control.event_inj, event), {0}},
};
// clang-format on

// 64 bits first: what every exit moves.
static inline void row_read(const struct row *row, const char *hw, char *state)
{
    const void *from = hw + row->hw;
    void *to = state + row->state;
    if (__builtin_expect(row->kind == ROW_64, 1)) {
        *(uint64_t *)to = *(const uint64_t *)from;
    } else if (row->kind == ROW_SEGMENT) {
        struct vcpu_segment *segment = to;
        *segment = *(const struct vcpu_segment *)from;
        segment->base = svm_canonical(segment->base);
    } else if (row->kind == ROW_ADDRESS) {
        *(uint64_t *)to = svm_canonical(*(const uint64_t *)from);
    } else {
        *(uint64_t *)to = row->kind == ROW_32 ? *(const uint32_t *)from : *(const uint8_t *)from;
    }
}

static inline void row_write(const struct row *row, char *hw, const char *state)
{
    void *to = hw + row->hw;
    const void *from = state + row->state;
    if (__builtin_expect(row->kind == ROW_64 || row->kind == ROW_ADDRESS, 1)) {
        *(uint64_t *)to = *(const uint64_t *)from;
    } else if (row->kind == ROW_SEGMENT) {
        struct vcpu_segment *segment = to;
        *segment = *(const struct vcpu_segment *)from;
        segment->attributes &= SEGMENT_ATTRIBUTES;
    } else { // little-endian: the low bytes
        memcpy(to, from, row->kind == ROW_32 ? sizeof(uint32_t) : sizeof(uint8_t));
    }
}

// The VMCB has one shadow bit; a shadow with IF clear cannot be STI's. That of a step is ours.
static inline uint32_t blocking(const struct svm_vcpu *hw)
{
    uint32_t nmi = hw->nmi ? BLOCKING_NMI : 0;
    if (hw->step || !(hw->vmcb.control.int_state & INT_STATE_SHADOW))
        return nmi;
    return nmi | ((hw->vmcb.save.rflags & RFLAGS_IF) ? BLOCKING_STI : BLOCKING_MOV_SS);
}

// #DB and #AC can recur in their own delivery for ever, without an instruction in between at which an
// interrupt could come in; so each round must be an exit [APM] 2 15.12. Machine checks are the machine's. The
// emulator pushes RF clear with faults that it delivers by itself; of these #UD costs nothing to reflect.
#define EXCEPTIONS_ALWAYS (1u << EXCEPTION_DB | 1u << EXCEPTION_UD | 1u << EXCEPTION_AC | 1u << EXCEPTION_MC)

void svm_set_step(struct svm_vcpu *hw, enum svm_step step)
{
    hw->step = (uint8_t)step;
    hw->vmcb.control.intercepts[VMEXIT_EXCEPTION / 32] = step ? UINT32_MAX : EXCEPTIONS_ALWAYS;
    svm_intercept(hw, VMEXIT_IRET, hw->nmi && step != STEP_IRET);
    svm_intercept(hw, VMEXIT_TR_WRITE, step != STEP_LTR);
}

// The instruction was not executed, or leaves RFLAGS alone.
void svm_cancel_step(struct svm_vcpu *hw)
{
    if (hw->step && !hw->step_tf)
        hw->vmcb.save.rflags &= ~RFLAGS_TF;
    svm_set_step(hw, STEP_NONE);
}

void svm_set_nmi(struct svm_vcpu *hw, bool nmi)
{
    hw->nmi = nmi;
    svm_set_step(hw, STEP_NONE);
}

// The CPU takes the interrupt when RFLAGS.IF and the shadow allow it, and clears V_IRQ [APM] 2 15.21.4.
void svm_offer(struct vcpu *vcpu, uint64_t offer)
{
    struct vmcb_control *control = &((struct svm_vcpu *)vcpu->hw)->vmcb.control;
    uint32_t tpr = control->int_ctl & V_TPR;
    control->int_ctl = tpr | INT_CTL_ALWAYS | ((offer & OFFER_VALID) ? V_IRQ : 0);
    control->int_vector = EXCEPTION_VECTOR(offer);
    vcpu->offer = offer;
}

static void read_rest(const struct svm_vcpu *hw, uint32_t groups, struct vcpu_state *state)
{
    if (groups & GROUP_SEG_CODE) { // CPL counts, not SS.DPL [APM] 2 15.5.1
        uint16_t *attributes = &state->seg[SEG_SS].attributes;
        *attributes = (uint16_t)((*attributes & ~0x60) | hw->vmcb.save.cpl << 5);
    }
    if (groups & GROUP_SEG_SYSTEM)
        state->seg[SEG_TR].attributes |= TSS_BUSY;
}

// RIP, RFLAGS and what holds interrupts back: nearly every exit moves them, and little else.
static inline void read_rip(const struct svm_vcpu *hw, struct vcpu_state *state)
{
    const struct vmcb_save *save = &hw->vmcb.save;
    state->rip = save->rip;
    state->rflags = hw->step && !hw->step_tf ? save->rflags & ~RFLAGS_TF : save->rflags;
    state->blocking = blocking(hw);
}

// What was being stepped over is intercepted afresh.
static inline void write_rip(struct svm_vcpu *hw, const struct vcpu_state *state)
{
    bool nmi = state->blocking & BLOCKING_NMI;
    hw->vmcb.save.rip = state->rip;
    hw->vmcb.save.rflags = state->rflags;
    hw->vmcb.control.int_state = (state->blocking & BLOCKING_SHADOWS) ? INT_STATE_SHADOW : 0;
    if (hw->nmi != nmi || hw->step)
        svm_set_nmi(hw, nmi);
}

static void write_rest(struct svm_vcpu *hw, uint32_t groups)
{
    struct vmcb_save *save = &hw->vmcb.save;
    if (groups & GROUP_SEG_CODE)
        save->cpl = save->ss.attributes >> 5 & 3;
    if (groups & GROUP_SEG_SYSTEM)
        save->tr.attributes = svm_loaded_task(save->tr.attributes);
    if (groups & (GROUP_CR | GROUP_EFER))
        save->efer = svm_loaded_efer(hw->efer, save->cr0);
    if (groups & FLUSHING)
        hw->asid_era = 0;
}

static NOINLINE void read_rows(const struct svm_vcpu *hw, uint32_t groups, struct vcpu_state *state)
{
    FOR_ROWS(row, groups)
    row_read(row, (const char *)hw, (char *)state);
    read_rest(hw, groups, state);
}

bool svm_read(const struct vcpu *vcpu, uint32_t groups, struct vcpu_state *state)
{
    const struct vmcb *vmcb = &((const struct svm_vcpu *)vcpu->hw)->vmcb;
    if (groups & GROUP_RIP)
        read_rip(vcpu->hw, state);
    if (groups & ROW_GROUPS)
        read_rows(vcpu->hw, groups, state);
    return virt_interruptible(vmcb->save.rflags, vmcb->control.int_state & INT_STATE_SHADOW,
                              vmcb->control.event_inj & EVENT_VALID);
}

static NOINLINE void write_rows(struct svm_vcpu *hw, uint32_t groups, const struct vcpu_state *state)
{
    FOR_ROWS(row, groups)
    row_write(row, (char *)hw, (const char *)state);
    write_rest(hw, groups);
}

void svm_write(struct vcpu *vcpu, uint32_t groups, const struct vcpu_state *state)
{
    if (groups & GROUP_RIP)
        write_rip(vcpu->hw, state);
    if (groups & ROW_GROUPS)
        write_rows(vcpu->hw, groups, state);
}
