// AMD SVM: one run of a vCPU, from entry to an exit that somebody else must answer
// SPDX-License-Identifier: MIT
//
// An event waits in the VMCB's EVENTINJ: put there by the monitor's reply, by an exit that cut its delivery
// off, or by a reflected exception. An interrupt waits in V_IRQ. An NMI window is open when no NMI is being
// handled and nothing else waits for injection; while one is handled, IRET is intercepted (svm_exit.c).
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/space.h"
#include "kernel/virt/svm.h"

static void enter(struct vcpu *vcpu, struct svm_vcpu *hw)
{
    struct svm_cpu *cpu = this_cpu()->virt;
    uint64_t flushes = vcpu->space->aspace.flushes;
    if (hw->asid_era != cpu->asids.era || hw->flushes != flushes) {
        hw->flushes = flushes;
        if (virt_take_tag(&cpu->asids, &hw->asid_era, &hw->vmcb.control.asid))
            hw->vmcb.control.tlb_control = TLB_FLUSH_ALL;
    }
    if (hw->vmcb.save.dr7 & DR7_ENABLE)
        virt_load_debug(hw->dr); // changed by svm_write() only, as accesses are intercepted
    hw->vmcb.save.rax = vcpu->gpr[GPR_RAX];
    hw->vmcb.save.rsp = vcpu->gpr[GPR_RSP];
    svm_enter(hw->phys, cpu->host, vcpu->gpr, hw->vmcb.control.int_state & INT_STATE_SHADOW);
    vcpu->gpr[GPR_RAX] = hw->vmcb.save.rax;
    vcpu->gpr[GPR_RSP] = hw->vmcb.save.rsp;
    hw->vmcb.control.tlb_control = 0;
}

// The event that the exit cut off waits again; an interrupt does so as the offer that it was.
static void take_back(struct svm_vcpu *hw)
{
    struct vmcb_control *control = &hw->vmcb.control;
    uint64_t event = svm_cut_off(control->exit_int_info);
    if (!event)
        return;
    if (EXCEPTION_TYPE(event) == EVENT_INTERRUPT) {
        control->int_ctl |= V_IRQ;
        control->int_vector = EXCEPTION_VECTOR(event);
        return;
    }
    if (EXCEPTION_TYPE(event) == EVENT_NMI)
        svm_set_nmi(hw, false);
    control->event_inj = event;
}

static void settle(struct vcpu *vcpu, struct svm_vcpu *hw)
{
    hw->vmcb.control.event_inj = 0;
    if (hw->vmcb.control.exit_int_info & EVENT_VALID)
        take_back(hw);
    if ((vcpu->offer & OFFER_VALID) && !(hw->vmcb.control.int_ctl & V_IRQ))
        virt_offer_taken(vcpu);
}

// What waits for injection goes in with this entry. True: it is the NMI window instead.
static bool prepare(struct vcpu *vcpu, struct svm_vcpu *hw)
{
    struct vmcb_control *control = &hw->vmcb.control;
    if (control->event_inj) {
        svm_cancel_step(hw);
        control->int_state = 0;
        control->next_rip = hw->vmcb.save.rip; // what EVENT_SOFTWARE pushes [APM] 2 15.20
        if (EXCEPTION_TYPE(control->event_inj) == EVENT_NMI)
            svm_set_nmi(hw, true);
    } else if ((vcpu->offer & OFFER_NMI_WINDOW) && !hw->nmi) {
        vcpu->offer &= ~OFFER_NMI_WINDOW;
        vcpu->exit = (struct vcpu_exit){.kind = EXIT_NMI_WINDOW};
        return true;
    }
    return false;
}

enum virt_result svm_run(struct vcpu *vcpu)
{
    struct svm_vcpu *hw = vcpu->hw;
    enum virt_result next;
    do {
        if (prepare(vcpu, hw))
            return VIRT_EXIT;
        enter(vcpu, hw);
        svm_exited();
        if ((uint32_t)hw->vmcb.control.exit_code == VMEXIT_INVALID && svm_entry_failed(vcpu))
            return virt_failed(vcpu, hw->vmcb.control.exit_code);
        settle(vcpu, hw);
        next = svm_exit(vcpu);
    } while (next == VIRT_RESUME);
    return next;
}
