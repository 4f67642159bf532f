// AMD SVM: what the exits mean
// SPDX-License-Identifier: MIT
//
// One table by exit code gives the normalised kind and a small function; what is no monitor's business (host
// interrupts, the end of an NMI, exceptions that are intercepted only so that a guest cannot
// bind the CPU with them) is settled in those functions.
#include "kernel/platform/x86.h"
#include "kernel/virt/svm.h"

#define NPF_WRITE     (UINT64_C(1) << 1)
#define NPF_FETCH     (UINT64_C(1) << 4)
#define NPF_PAGE_WALK (UINT64_C(1) << 33)

#define CR_INFO_VALID (UINT64_C(1) << 63)

#define EXCEPTIONS_NO_FAULTS                                                                                 \
    (1u << EXCEPTION_DB | 1u << EXCEPTION_BP | 1u << EXCEPTION_OF | 1u << EXCEPTION_DF | 1u << EXCEPTION_MC)

struct exit_row;
typedef enum virt_result exit_function(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row);

struct exit_row {
    exit_function *handle;
    uint8_t kind; // enum exit_kind
    uint8_t address;
};

static enum virt_result report(struct vcpu *vcpu, uint32_t kind, uint64_t address, uint64_t value,
                               uint32_t info)
{
    const struct vmcb *vmcb = &((struct svm_vcpu *)vcpu->hw)->vmcb;
    uint64_t next_rip = svm_next_rip ? vmcb->control.next_rip : 0;
    uint32_t length = next_rip ? (uint32_t)(next_rip - vmcb->save.rip) & 0xf : 0;
    vcpu->exit = (struct vcpu_exit){.kind = kind,
                                    .info = info | length << 8,
                                    .address = address,
                                    .value = value,
                                    .raw = vmcb->control.exit_code,
                                    .next_rip = next_rip};
    return VIRT_EXIT;
}

static enum virt_result plain(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    (void)hw;
    return report(vcpu, row->kind, row->address, 0, 0);
}

// With decode assists the CPU tells the general register [APM] 2 15.33.1.
static enum virt_result control_register(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    uint64_t info = hw->vmcb.control.exit_info_1;
    return report(vcpu, EXIT_CR, row->address, (info & CR_INFO_VALID) ? info & 0xf : GPR_COUNT, EXIT_WRITE);
}

static enum virt_result msr(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    (void)row;
    return report(vcpu, hw->vmcb.control.exit_info_1 ? EXIT_WRMSR : EXIT_RDMSR, 0, 0, 0);
}

// EXITINFO1 and 2 [APM] 2 15.10.2
static enum virt_result port(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    const struct vmcb *vmcb = &hw->vmcb;
    struct vcpu_exit *e = &vcpu->exit;
    uint64_t io = vmcb->control.exit_info_1;
    e->kind = row->kind;
    e->value = 0;
    e->raw = vmcb->control.exit_code;
    e->next_rip = vmcb->control.exit_info_2;
    virt_port(vcpu, io, (struct virt_port_bits){1 << 0, 1 << 2, 1 << 3}, io >> 4 & 7,
              (uint32_t)(e->next_rip - vmcb->save.rip) & 0xf);
    return VIRT_EXIT;
}

void svm_skip_pio(struct vcpu *vcpu, uint64_t value)
{
    struct vmcb *vmcb = &((struct svm_vcpu *)vcpu->hw)->vmcb;
    virt_port_done(vcpu, value);
    vmcb->save.rip = vcpu->exit.next_rip;
    vmcb->control.int_state = 0;
    if (vmcb->save.rflags & (RFLAGS_TF | RFLAGS_RF))
        vmcb->save.rflags = virt_step_over(vmcb->save.rflags, &vmcb->save.dr6, &vmcb->control.event_inj);
}

// EXITINFO1: error code, EXITINFO2: address [APM] 2 15.25.6
static enum virt_result nested_page_fault(struct vcpu *vcpu, const struct vmcb_control *control)
{
    uint64_t code = control->exit_info_1;
    uint32_t info = ((code & NPF_WRITE) ? EXIT_WRITE : 0) | ((code & NPF_FETCH) ? EXIT_FETCH : 0) |
                    ((code & NPF_PAGE_WALK) ? EXIT_PAGE_WALK : 0);
    report(vcpu, EXIT_MMIO, control->exit_info_2, 0, info);
    vcpu->exit.raw = code;
    return VIRT_EXIT;
}

// It is still pending.
static enum virt_result interrupt(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    (void)vcpu, (void)hw, (void)row;
    return VIRT_INTERRUPT;
}

// A machine check is the machine's; the exception was consumed by the exit.
static enum virt_result machine_check(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    (void)vcpu, (void)hw, (void)row;
    asm volatile("int %0" ::"i"(EXCEPTION_MC) : "memory");
    return VIRT_INTERRUPT;
}

// An NMI whose delivery an exception cut off goes first; the exception comes again. A fault pushes RF set,
// which neither the intercept nor the injection does for us [APM] 2 8.1.4.
static enum virt_result raise(struct svm_vcpu *hw, uint32_t vector, uint64_t error)
{
    bool has_error = virt_has_error(vector, hw->vmcb.save.cr0);
    uint64_t *event = &hw->vmcb.control.event_inj;
    if (EXCEPTION_TYPE(*event) == EVENT_NMI)
        return VIRT_RESUME;
    *event = EVENT_MAKE(EVENT_EXCEPTION, vector) | (has_error ? EVENT_ERROR(error) : 0);
    if (!(EXCEPTIONS_NO_FAULTS >> vector & 1))
        hw->vmcb.save.rflags |= RFLAGS_RF;
    return VIRT_RESUME;
}

// Into the guest after all, with what the delivery would have done beside.
static enum virt_result reflect(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    struct vmcb_save *save = &hw->vmcb.save;
    uint32_t vector = (uint32_t)hw->vmcb.control.exit_code - VMEXIT_EXCEPTION;
    (void)vcpu, (void)row;
    if (vector == EXCEPTION_PF)
        save->cr2 = hw->vmcb.control.exit_info_2;
    if (vector == EXCEPTION_DB && (save->dr6 & DR6_BD))
        save->dr7 &= ~DR7_GD; // [APM] 2 13.1.1.4
    return raise(hw, vector, hw->vmcb.control.exit_info_1);
}

// IRET and LTR run alone: NMIs stay blocked until an IRET is done, and svm_quirks.c tells about LTR. Should
// anything else come, the step is given up and the instruction intercepted afresh.
static enum virt_result step(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    struct vmcb_save *save = &hw->vmcb.save;
    (void)vcpu;
    hw->step_tf = save->rflags & RFLAGS_TF;
    hw->step_dr6 = save->dr6;
    hw->step_rip = save->rip;
    hw->step_tr = save->tr;
    save->rflags |= RFLAGS_TF;
    hw->vmcb.control.int_state = INT_STATE_SHADOW;
    svm_set_step(hw, row->address);
    return VIRT_RESUME;
}

// IRET has loaded RFLAGS, LTR has not.
static void step_done(struct svm_vcpu *hw)
{
    struct vmcb_save *save = &hw->vmcb.save;
    if (hw->step == STEP_IRET) {
        svm_set_nmi(hw, false);
        return;
    }
    svm_cancel_step(hw);
    if (!(save->tr.attributes & SEGMENT_PRESENT)) {
        save->tr = hw->step_tr;
        save->rip = hw->step_rip;
        raise(hw, EXCEPTION_GP, 0);
    }
}

// A step of ours is hidden, unless the guest steps too or hit a breakpoint of its own.
static enum virt_result debug(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    struct vmcb_save *save = &hw->vmcb.save;
    if (!hw->step || !(save->dr6 & DR6_BS))
        return reflect(vcpu, hw, row);
    uint64_t news = save->dr6 & ~hw->step_dr6 & DR6_BREAKPOINTS;
    if (!hw->step_tf)
        save->dr6 &= hw->step_dr6 | ~DR6_BS;
    step_done(hw);
    if (hw->vmcb.control.event_inj || (!hw->step_tf && !news))
        return VIRT_RESUME;
    return reflect(vcpu, hw, row);
}

// Always the monitor's: see svm_quirks.c for what a guest could do with these registers.
static enum virt_result debug_register(struct vcpu *vcpu, struct svm_vcpu *hw, const struct exit_row *row)
{
    uint32_t number = (uint32_t)hw->vmcb.control.exit_code - VMEXIT_DR;
    return report(vcpu, row->kind, number & 0xf, GPR_COUNT, number & 0x10 ? EXIT_WRITE : 0);
}

// What has a row is intercepted. CR2 and CR3 are the guest's, of CR0 TS and MP; reading CR8 gives V_TPR, but
// a write may let an interrupt through that the monitor holds back.
static const struct exit_row rows[VMEXIT_TABLE_SIZE] = {
    [VMEXIT_CR_WRITE + 4] = {control_register, EXIT_CR, 4},
    [VMEXIT_CR_WRITE + 8] = {control_register, EXIT_CR, 8},
    [VMEXIT_CR0_SEL_WRITE] = {control_register, EXIT_CR, 0},
    [VMEXIT_DR... VMEXIT_DR + 31] = {debug_register, EXIT_DR, 0},
    [VMEXIT_EXCEPTION] = {reflect, 0, 0},
    [VMEXIT_EXCEPTION + EXCEPTION_DB] = {debug, 0, 0},
    [VMEXIT_EXCEPTION + 2 ... VMEXIT_EXCEPTION + EXCEPTION_AC] = {reflect, 0, 0},
    [VMEXIT_EXCEPTION + EXCEPTION_MC] = {machine_check, 0, 0},
    [VMEXIT_EXCEPTION + 19 ... VMEXIT_EXCEPTION + 31] = {reflect, 0, 0},
    [VMEXIT_INTR... VMEXIT_INIT] = {interrupt, 0, 0},
    [VMEXIT_CPUID] = {plain, EXIT_CPUID, 0},
    [VMEXIT_IRET] = {step, 0, STEP_IRET},
    [VMEXIT_TR_WRITE] = {step, 0, STEP_LTR},
    [VMEXIT_HLT] = {plain, EXIT_HLT, 0},
    [VMEXIT_IOIO] = {port, EXIT_PIO, 0},
    [VMEXIT_MSR] = {msr, 0, 0},
    [VMEXIT_SHUTDOWN] = {plain, EXIT_TRIPLE_FAULT, 0},
    [VMEXIT_VMMCALL] = {plain, EXIT_VMCALL, 0},
    [VMEXIT_INVD] = {plain, EXIT_INVALIDATE, 0},
    [VMEXIT_WBINVD] = {plain, EXIT_INVALIDATE, 0},
    [VMEXIT_XSETBV] = {plain, EXIT_XSETBV, 0},
    [VMEXIT_RDPMC] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_INVLPGA] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_VMRUN] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_VMLOAD... VMEXIT_SKINIT] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_ICEBP] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_MONITOR... VMEXIT_MWAIT_ARMED] = {plain, EXIT_PRIVILEGED, 0},
    [VMEXIT_RDPRU] = {plain, EXIT_PRIVILEGED, 0},
};

// Some are then taken back by svm_set_step().
void svm_intercept_all(struct svm_vcpu *hw)
{
    for (uint32_t code = 0; code < VMEXIT_TABLE_SIZE; code++)
        svm_intercept(hw, code, rows[code].handle);
}

enum virt_result svm_exit(struct vcpu *vcpu)
{
    struct svm_vcpu *hw = vcpu->hw;
    uint32_t code = (uint32_t)hw->vmcb.control.exit_code;
    if (code < VMEXIT_TABLE_SIZE && rows[code].handle)
        return rows[code].handle(vcpu, hw, &rows[code]);
    if (code == VMEXIT_NPF)
        return nested_page_fault(vcpu, &hw->vmcb.control);
    if (code == VMEXIT_INVALID) // a MOV to CR3: svm_entry_failed() took the others
        return raise(hw, EXCEPTION_GP, 0);
    return report(vcpu, EXIT_ERROR, 0, 0, 0);
}
