// AMD SVM: where a processor or an emulator is not what the manual says, and how we live with it
// SPDX-License-Identifier: MIT
//
// The emulator is QEMU's TCG, version 7.2. Beside the functions below:
// - EVENTINJ of an external interrupt may deliver it twice, the second time whatever IF is: interrupts are
//   only ever offered, by V_IRQ (svm_offer in svm_state.c).
// - VMRUN does not load the interrupt shadow, so an offered interrupt would come between STI and HLT and its
//   wake-up be lost; STI directly before VMRUN restores the shadow (svm_enter.S).
// - XSETBV is never intercepted: the core takes the guest's XCR0 from the register after each run.
// - WRMSR, LGDT and LIDT take addresses that are not canonical. VMRUN and VMLOAD extend the sign, [APM] 2
//   15.5.1, and so does who reads the state (svm_canonical in svm.h).
// - A guest's MOV to DR7 arms watchpoints that #VMEXIT does not disarm. One that is hit while an interrupt is
//   being delivered, the host's included, ends the emulator. Accesses are intercepted, and DR7 comes by
//   VMRUN, which arms nothing: the guest's hardware breakpoints work on processors only.
// - LTR takes a null selector. The next event that changes the privilege level finds no task and ends the
//   emulator. LTR is stepped over, and undone where it gave no task (svm_exit.c).
// - MOV to CR4 of a reserved bit ends the guest with VMEXIT_INVALID: CR4 writes are intercepted.
#include "kernel/lib/string.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/virt/svm.h"

// EFER as the VMCB has it. The emulator's #VMEXIT restores CR0 while EFER and CR4 are still the guest's: with
// LME set, PAE clear and PG clear the host's PG is refused and the host runs on without paging. So LME stays
// out while PG is clear; guest writes of both are intercepted, and LME without PG has no effect of its own.
uint64_t svm_loaded_efer(uint64_t efer, uint64_t cr0)
{
    return ((cr0 & CR0_PG) ? efer : efer & ~EFER_LME) | EFER_SVME;
}

// TR's attributes as the VMCB has them. The emulator's LTR marks the TSS busy in memory alone, and when it
// changes the stack outside long mode a busy TR ends it.
uint16_t svm_loaded_task(uint16_t attributes)
{
    return svm_next_rip ? attributes : attributes & (uint16_t)~TSS_BUSY;
}

// A valid EXITINTINFO as an event to be delivered again, zero for none. The emulator gives type 3 to whatever
// it delivered without being told to by EVENTINJ. Software interrupts and INT3 and INTO are executed again:
// RIP is still at the instruction, and type 4 would push it where the next one belongs.
uint64_t svm_cut_off(uint64_t info)
{
    uint32_t vector = EXCEPTION_VECTOR(info), type = EXCEPTION_TYPE(info);
    if (type == EVENT_SOFTWARE)
        return 0;
    if (type == EVENT_INTERRUPT || vector >= 32)
        return EVENT_MAKE(EVENT_INTERRUPT, vector);
    if (type == EVENT_NMI || vector == 2)
        return EVENT_MAKE(EVENT_NMI, 2);
    if (vector == EXCEPTION_BP || vector == EXCEPTION_OF)
        return 0;
    return EVENT_MAKE(type, vector) | ((info & EVENT_ERROR_VALID) ? EVENT_ERROR(info >> 32) : 0);
}

// Failed entries and what looks like one. The emulator stores what it has in its registers after an entry
// that failed: ours, when it failed early, RAX and RIP then being those of the VMRUN.
static bool failed_early(const struct svm_vcpu *hw)
{
    uint64_t rip = hw->vmcb.save.rip;
    return hw->vmcb.save.rax == hw->phys && rip >= (uint64_t)svm_enter && rip < (uint64_t)svm_enter_end;
}

// VMRUN and #VMEXIT of the emulator read, change and write its word of requested interrupts, and lose what
// another of its threads requests meanwhile: such an interrupt stays in the local APIC's IRR for ever (seen
// in one of ten runs of the kernel's tests in real time: IRR 240, IF set, nothing comes). An APIC whose task
// priority is written requests again.
void svm_exited(void)
{
    if (!svm_next_rip)
        lapic_look_again();
}

// The emulator's answer to a MOV to CR3 of reserved bits in long mode is VMEXIT_INVALID in the middle of the
// guest, where #GP is due. Known by what is not there: NRIPS, which all processors have; an event in
// EXITINTINFO, which an entry that failed leaves; a state that could not be entered.
static bool failed_mov_cr3(const struct vcpu *vcpu)
{
    const struct svm_vcpu *hw = vcpu->hw;
    struct vcpu_state state;
    if (svm_next_rip || failed_early(hw) || (hw->vmcb.control.exit_int_info & EVENT_VALID))
        return false;
    svm_read(vcpu, GROUP_ALL, &state);
    return virt_check_state(GROUP_ALL, &state) == STATUS_OK;
}

// Whether VMEXIT_INVALID means what it should. If so the VMCB is made whole: the event goes, the offer is
// made again, as int_ctl is lost; and where the guest's state is lost it stands at reset until the monitor
// writes it.
bool svm_entry_failed(struct vcpu *vcpu)
{
    struct svm_vcpu *hw = vcpu->hw;
    if (failed_mov_cr3(vcpu))
        return false;
    if (failed_early(hw)) {
        svm_write(vcpu, GROUP_ALL, &virt_reset_state);
        memcpy(vcpu->gpr, virt_reset_state.gpr, sizeof(vcpu->gpr));
    }
    hw->vmcb.control.event_inj = 0;
    svm_offer(vcpu, vcpu->offer);
    return true;
}
