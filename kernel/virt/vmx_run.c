// Intel VMX: one run of a vCPU, from entry to an exit that somebody else must answer
// SPDX-License-Identifier: MIT
//
// What waits for injection is in hw->event: put there by the monitor's reply, by an exit that cut its
// delivery off, or by a reflected exception. An offered interrupt goes in when the guest can take it; until
// then the interrupt window is an exit that never leaves this file.
//
// Translations. (1) An edit of the space's tables that took something away (aspace.flushes moved on): INVEPT
// of its EPTP before the next entry, which drops all that was derived from those tables, whatever the VPID.
// (2) What only gains rights needs none: the EPT violation itself dropped the stale entry [SDM] 3C 29.4.3.1.
// (3) A mode or PAT written by the monitor: a new VPID, since what the old one left in the TLB is dead. (4)
// When the VPIDs of this CPU have all been used: INVVPID of all. (5) A new vCPU: both, as its root and its
// VPID may have been another's. Without VPIDs each entry and exit drops the guest's linear translations, and
// (3), (4) are void.
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"
#include "kernel/space.h"
#include "kernel/virt/vmx.h"

static void drop_translations(const struct vcpu *vcpu, struct vmx_vcpu *hw, struct vmx_cpu *cpu)
{
    if (hw->era != cpu->vpids.era && (vmx.words[WORD_SECONDARY] & SECONDARY_VPID)) {
        uint32_t vpid;
        if (virt_take_tag(&cpu->vpids, &hw->era, &vpid))
            invvpid(FLUSH_ALL, 0);
        vmwrite(VMCS_VPID, vpid);
    }
    if (hw->flushes != vcpu->space->aspace.flushes) {
        hw->flushes = vcpu->space->aspace.flushes;
        invept(vmx.flush_ept, vcpu->space->root | vmx.eptp);
    }
}

// Always armed: the host's interrupts may not reach it while the guest keeps them off (docs/exits.md: Bochs).
// One tick late, never early.
static void arm_timer(uint64_t deadline)
{
    uint64_t now = rdtsc(), ticks = deadline > now ? ((deadline - now) >> vmx.timer_shift) + 1 : 0;
    vmwrite(VMCS_TIMER, ticks < UINT32_MAX ? ticks : UINT32_MAX);
}

static bool enter(struct vcpu *vcpu, struct vmx_vcpu *hw)
{
    struct cpu *cpu = this_cpu();
    drop_translations(vcpu, hw, cpu->virt);
    if (!hw->launched)
        vmx_host_state(hw);
    vmwrite(VMCS_HOST_CR3, cpu->root);
    vmwrite(VMCS_HOST_FS_BASE, cpu->fs_base);
    if (hw->dr7 & DR7_ENABLE)
        virt_load_debug(hw->dr); // changed by vmx_write() only, as accesses are intercepted
    vmwrite(VMCS_RSP, vcpu->gpr[GPR_RSP]);
    arm_timer(cpu->timer_deadline);
    if (!vmx_enter(&hw->gpr, hw->launched)) {
        hw->reason = 0;
        return false;
    }
    load_tables(&((struct vmx_cpu *)cpu->virt)->gdt, SELECTOR_TSS); // an exit sets their limits
    vcpu->gpr[GPR_RSP] = vmread(VMCS_RSP);
    hw->reason = (uint32_t)vmread(VMCS_REASON);
    if (hw->reason & REASON_FAILED)
        return false;
    hw->launched = true;
    return true;
}

// Events that were cut off wait again; an interrupt does so as the offer that it was, and what an instruction
// of the guest raises is raised again by it.
static void take_back(struct vmx_vcpu *hw, uint64_t event)
{
    if (EXCEPTION_TYPE(event) == EVENT_NMI) {
        vmwrite(VMCS_BLOCKING, vmread(VMCS_BLOCKING) & ~(uint64_t)VMCS_BLOCKING_NMI);
        hw->event = EVENT_MAKE(EVENT_NMI, 2);
    } else if (EXCEPTION_TYPE(event) == EVENT_EXCEPTION) {
        hw->event = EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_VECTOR(event)) |
                    ((event & EVENT_ERROR_VALID) ? EVENT_ERROR(vmread(VMCS_CUT_OFF_ERROR)) : 0);
    } else if (EXCEPTION_TYPE(event) == EVENT_SOFTWARE && EXCEPTION_TYPE(hw->entering) == EVENT_SOFTWARE) {
        hw->event = hw->entering;
        vmwrite(VMCS_RIP, vmread(VMCS_RIP) + 1);
    }
}

static NOINLINE void settle(struct vcpu *vcpu, struct vmx_vcpu *hw, uint64_t event)
{
    bool cut_off = event & EVENT_VALID;
    bool offered = hw->entering && EXCEPTION_TYPE(hw->entering) == EVENT_INTERRUPT;
    if (cut_off)
        take_back(hw, event);
    if (offered && !(cut_off && EXCEPTION_TYPE(event) == EVENT_INTERRUPT))
        virt_offer_taken(vcpu);
}

// With what shadows and blocking the event can go in [SDM] 3C 27.3.1.5. A software interrupt pushes what lies
// behind an instruction, of at least a byte [SDM] 3C 27.2.1.3.
static NOINLINE void put_event(struct vmx_vcpu *hw, uint64_t event)
{
    uint64_t keep = EXCEPTION_TYPE(event) == EVENT_NMI ? 0 : VMCS_BLOCKING_NMI;
    uint64_t blocking = vmread(VMCS_BLOCKING), word = vmx_event(hw, event);
    if (blocking & ~keep) {
        vmwrite(VMCS_BLOCKING, blocking & keep);
        vmwrite(VMCS_PENDING_DEBUG, 0);
    }
    if (EXCEPTION_TYPE(event) == EVENT_SOFTWARE) {
        vmwrite(VMCS_RIP, vmread(VMCS_RIP) - 1);
        vmwrite(VMCS_ENTRY_LENGTH, 1);
    }
    if (word & EVENT_ERROR_VALID)
        vmwrite(VMCS_ENTRY_ERROR, word >> 32);
    vmwrite(VMCS_ENTRY_EVENT, (uint32_t)word);
    hw->event = 0;
}

// What waits goes in; what was offered does so where nothing else does and the guest can take it, else its
// window is asked for.
static NOINLINE uint32_t put_waiting(const struct vcpu *vcpu, struct vmx_vcpu *hw)
{
    uint32_t windows = (vcpu->offer & OFFER_NMI_WINDOW) ? PRIMARY_NMI_WINDOW : 0;
    hw->entering = hw->event;
    if ((vcpu->offer & OFFER_VALID) &&
        virt_interruptible(vmread(VMCS_RFLAGS), vmread(VMCS_BLOCKING), hw->event))
        hw->entering = EVENT_MAKE(EVENT_INTERRUPT, EXCEPTION_VECTOR(vcpu->offer));
    else if (vcpu->offer & OFFER_VALID)
        windows |= PRIMARY_INTERRUPT_WINDOW;
    if (hw->entering)
        put_event(hw, hw->entering);
    return windows;
}

static inline void prepare(struct vcpu *vcpu, struct vmx_vcpu *hw)
{
    uint32_t primary = vmx.words[WORD_PRIMARY];
    hw->entering = 0;
    if (hw->event | vcpu->offer)
        primary |= put_waiting(vcpu, hw);
    if (primary != hw->primary)
        vmwrite(VMCS_PRIMARY, hw->primary = primary);
}

enum virt_result vmx_run(struct vcpu *vcpu)
{
    struct vmx_vcpu *hw = vcpu->hw;
    enum virt_result next;
    vmx_load(hw);
    do {
        prepare(vcpu, hw);
        if (!enter(vcpu, hw))
            return vmx_failed(vcpu);
        uint64_t cut_off = vmread(VMCS_CUT_OFF);
        if (hw->entering | (cut_off & EVENT_VALID))
            settle(vcpu, hw, cut_off);
        next = vmx_exit(vcpu);
    } while (next == VIRT_RESUME);
    return next;
}
