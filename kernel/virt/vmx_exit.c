// Intel VMX: what the exits mean
// SPDX-License-Identifier: MIT
//
// One table by reason gives the normalised kind and a small function; what is no monitor's business (host
// interrupts, windows of offered interrupts, exceptions that are intercepted only so that a guest cannot bind
// the CPU with them) is settled in those functions.
#include "kernel/platform/x86.h"
#include "kernel/virt/vmx.h"

// Qualifications [SDM] 3C 28.2.1
#define CR_NUMBER(q)   ((q)&0xf)
#define CR_ACCESS(q)   ((q) >> 4 & 3)
#define CR_GPR(q)      ((q) >> 8 & 0xf)
#define CR_MOV_TO      0u
#define DR_NUMBER(q)   ((q)&7)
#define DR_READ        (UINT64_C(1) << 4)
#define EPT_WRITES     (UINT64_C(1) << 1)
#define EPT_FETCHES    (UINT64_C(1) << 2)
#define EPT_LINEAR     (UINT64_C(1) << 7)
#define EPT_TRANSLATED (UINT64_C(1) << 8)
#define NMI_UNBLOCKED  (UINT64_C(1) << 12) // by an IRET that the exit cut off; also of event words
#define DEBUG_CAUSES   UINT64_C(0x600f)    // as in DR6

// [SDM] 3D appendix C
// clang-format off
enum {
    REASON_EXCEPTION, REASON_INTERRUPT, REASON_TRIPLE_FAULT, REASON_INIT, REASON_INTERRUPT_WINDOW = 7,
    REASON_NMI_WINDOW, REASON_TASK_SWITCH, REASON_CPUID, REASON_GETSEC, REASON_HLT, REASON_INVD,
    REASON_RDPMC = 15, REASON_VMCALL = 18, REASON_VMCLEAR, REASON_VMXON = 27, REASON_CR, REASON_DR, REASON_IO,
    REASON_RDMSR, REASON_WRMSR, REASON_MWAIT = 36, REASON_MONITOR = 39, REASON_EPT_VIOLATION = 48,
    REASON_INVEPT = 50, REASON_TIMER = 52, REASON_INVVPID, REASON_WBINVD, REASON_XSETBV, REASON_VMFUNC = 59,
    REASONS
};
// clang-format on

// The exit's kind and reason are in vcpu->exit already, all else there is zero.
typedef enum virt_result exit_function(struct vcpu *vcpu);

// The length is that of the instruction for exits that an instruction caused alone [SDM] 3C 28.2.5.
static enum virt_result instruction(struct vcpu *vcpu)
{
    vcpu->exit.info = (uint32_t)vmread(VMCS_LENGTH) << 8;
    return VIRT_EXIT;
}

static enum virt_result control_register(struct vcpu *vcpu)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    instruction(vcpu);
    vcpu->exit.info |= EXIT_WRITE;
    vcpu->exit.address = CR_NUMBER(q);
    vcpu->exit.value = CR_ACCESS(q) == CR_MOV_TO ? CR_GPR(q) : GPR_COUNT;
    return VIRT_EXIT;
}

static enum virt_result debug_register(struct vcpu *vcpu)
{
    uint64_t q = vmread(VMCS_QUALIFICATION);
    instruction(vcpu);
    vcpu->exit.info |= (q & DR_READ) ? 0 : EXIT_WRITE;
    vcpu->exit.address = DR_NUMBER(q);
    vcpu->exit.value = CR_GPR(q);
    return VIRT_EXIT;
}

static enum virt_result port(struct vcpu *vcpu)
{
    uint64_t io = vmread(VMCS_QUALIFICATION);
    uint32_t length = (uint32_t)vmread(VMCS_LENGTH);
    vcpu->exit.next_rip = vmread(VMCS_RIP) + length;
    virt_port(vcpu, io, (struct virt_port_bits){1 << 3, 1 << 4, 1 << 5}, (io & 7) + 1, length);
    return VIRT_EXIT;
}

void vmx_skip_pio(struct vcpu *vcpu, uint64_t value)
{
    struct vmx_vcpu *hw = vcpu->hw;
    vmx_load(hw);
    virt_port_done(vcpu, value);
    vmwrite(VMCS_RIP, vcpu->exit.next_rip);
    uint64_t blocking = vmread(VMCS_BLOCKING), rflags = vmread(VMCS_RFLAGS);
    if (blocking & BLOCKING_SHADOWS) {
        vmwrite(VMCS_BLOCKING, blocking & VMCS_BLOCKING_NMI);
        vmwrite(VMCS_PENDING_DEBUG, 0);
    }
    if (rflags & (RFLAGS_TF | RFLAGS_RF))
        vmwrite(VMCS_RFLAGS, virt_step_over(rflags, &hw->dr6, &hw->event));
}

// An IRET that ended the blocking of NMIs and was cut off has not ended it [SDM] 3C 28.2.3.
static void block_nmi_again(const struct vmx_vcpu *hw, uint64_t bits)
{
    if (!hw->event && (bits & NMI_UNBLOCKED))
        vmwrite(VMCS_BLOCKING, vmread(VMCS_BLOCKING) | VMCS_BLOCKING_NMI);
}

// A page walk counts as a write: with accessed and dirty bits the processor sees it so, as AMD's do always.
static enum virt_result ept_violation(struct vcpu *vcpu)
{
    uint64_t q = vcpu->exit.raw = vmread(VMCS_QUALIFICATION);
    bool walk = (q & EPT_LINEAR) && !(q & EPT_TRANSLATED);
    vcpu->exit.address = vmread(VMCS_GPA);
    if (walk)
        vcpu->exit.info = EXIT_PAGE_WALK | EXIT_WRITE;
    else
        vcpu->exit.info = ((q & EPT_WRITES) ? EXIT_WRITE : 0) | ((q & EPT_FETCHES) ? EXIT_FETCH : 0);
    block_nmi_again(vcpu->hw, q);
    return VIRT_EXIT;
}

static enum virt_result nmi_window(struct vcpu *vcpu)
{
    vcpu->offer &= ~OFFER_NMI_WINDOW;
    return VIRT_EXIT;
}

// Into the guest after all, with what the delivery would have done beside. The host's turn in between keeps a
// guest from binding the CPU by an exception whose delivery raises it again. An NMI that it cut off goes
// first; the exception comes again.
static enum virt_result reflect(struct vmx_vcpu *hw, uint64_t info)
{
    block_nmi_again(hw, info);
    if (EXCEPTION_TYPE(hw->event) == EVENT_NMI)
        return VIRT_INTERRUPT;
    if (EXCEPTION_VECTOR(info) == EXCEPTION_DB) {
        if (EXCEPTION_TYPE(info) == EVENT_ICEBP) // a trap that DR6 does not tell of
            vmwrite(VMCS_RIP, vmread(VMCS_RIP) + vmread(VMCS_LENGTH));
        else
            hw->dr6 = (hw->dr6 & ~DR6_BREAKPOINTS) | (vmread(VMCS_QUALIFICATION) & DEBUG_CAUSES);
        hw->dr7 &= ~DR7_GD; // [SDM] 3B 18.2.4
        vmwrite(VMCS_DR7, hw->dr7);
    } else {
        vmwrite(VMCS_RFLAGS, vmread(VMCS_RFLAGS) | RFLAGS_RF); // pushed with faults
    }
    hw->event = EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_VECTOR(info)) |
                ((info & EVENT_ERROR_VALID) ? EVENT_ERROR(vmread(VMCS_EVENT_ERROR)) : 0);
    return VIRT_INTERRUPT;
}

// NMIs and machine checks are the machine's; the exit consumed them.
static enum virt_result exception(struct vcpu *vcpu)
{
    uint64_t info = vmread(VMCS_EVENT);
    if (EXCEPTION_TYPE(info) == EVENT_NMI)
        asm volatile("int $2" ::: "memory");
    else if (EXCEPTION_VECTOR(info) == EXCEPTION_MC)
        asm volatile("int %0" ::"i"(EXCEPTION_MC) : "memory");
    else
        return reflect(vcpu->hw, info);
    return VIRT_INTERRUPT;
}

// VM entry tells the errors of the guest's state from those of ours. What was to go in is gone.
enum virt_result vmx_failed(struct vcpu *vcpu)
{
    const struct vmx_vcpu *hw = vcpu->hw;
    vmwrite(VMCS_ENTRY_EVENT, 0);
    return virt_failed(vcpu, hw->reason ? hw->reason : vmread(VMCS_INSTRUCTION_ERROR));
}

// An exception has an error code in protected mode when its vector has one, and only then [SDM] 3C 27.2.1.3.
uint64_t vmx_event(const struct vmx_vcpu *hw, uint64_t e)
{
    bool has = EXCEPTION_TYPE(e) == EVENT_EXCEPTION && EXCEPTION_VECTOR(e) < EXCEPTION_CP &&
               virt_has_error(EXCEPTION_VECTOR(e), hw->cr0);
    return has ? e | EVENT_ERROR_VALID : e & ~EVENT_ERROR_VALID;
}

// clang-format off
// Interrupts are still pending; so is the one that the preemption timer says is due.
static const struct exit_row {
    exit_function *handle;
    uint16_t kind, result; // enum exit_kind; enum virt_result where nobody handles it
} rows[REASONS + 1] = {
    [REASON_EXCEPTION] = {exception, EXIT_PRIVILEGED, 0}, [REASON_INTERRUPT] = {NULL, 0, VIRT_INTERRUPT},
    [REASON_TRIPLE_FAULT] = {NULL, EXIT_TRIPLE_FAULT, 0}, [REASON_INIT] = {NULL, 0, VIRT_INTERRUPT},
    [REASON_INTERRUPT_WINDOW] = {NULL, 0, VIRT_RESUME},
    [REASON_NMI_WINDOW] = {nmi_window, EXIT_NMI_WINDOW, 0},
    [REASON_TASK_SWITCH] = {instruction, EXIT_PRIVILEGED, 0}, [REASON_CPUID] = {instruction, EXIT_CPUID, 0},
    [REASON_GETSEC] = {instruction, EXIT_PRIVILEGED, 0}, [REASON_HLT] = {instruction, EXIT_HLT, 0},
    [REASON_INVD] = {instruction, EXIT_INVALIDATE, 0}, [REASON_RDPMC] = {instruction, EXIT_PRIVILEGED, 0},
    [REASON_VMCALL] = {instruction, EXIT_VMCALL, 0},
    [REASON_VMCLEAR ... REASON_VMXON] = {instruction, EXIT_PRIVILEGED, 0},
    [REASON_CR] = {control_register, EXIT_CR, 0}, [REASON_DR] = {debug_register, EXIT_DR, 0},
    [REASON_IO] = {port, EXIT_PIO, 0}, [REASON_RDMSR] = {instruction, EXIT_RDMSR, 0},
    [REASON_WRMSR] = {instruction, EXIT_WRMSR, 0}, [REASON_MWAIT] = {instruction, EXIT_PRIVILEGED, 0},
    [REASON_MONITOR] = {instruction, EXIT_PRIVILEGED, 0},
    [REASON_EPT_VIOLATION] = {ept_violation, EXIT_MMIO, 0},
    [REASON_INVEPT] = {instruction, EXIT_PRIVILEGED, 0}, [REASON_TIMER] = {NULL, 0, VIRT_INTERRUPT},
    [REASON_INVVPID] = {instruction, EXIT_PRIVILEGED, 0},
    [REASON_WBINVD] = {instruction, EXIT_INVALIDATE, 0}, [REASON_XSETBV] = {instruction, EXIT_XSETBV, 0},
    [REASON_VMFUNC] = {instruction, EXIT_PRIVILEGED, 0},
};
// clang-format on

enum virt_result vmx_exit(struct vcpu *vcpu)
{
    uint64_t raw = ((struct vmx_vcpu *)vcpu->hw)->reason, reason = REASON_BASIC(raw);
    const struct exit_row *row = &rows[reason < REASONS ? reason : REASONS];
    vcpu->exit = (struct vcpu_exit){.kind = row->kind, .raw = raw};
    if (row->handle)
        return row->handle(vcpu);
    if (!row->kind)
        vcpu->exit.kind = EXIT_ERROR;
    return row->result;
}
