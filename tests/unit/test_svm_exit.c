// SVM exits to normalised exits: what each code becomes, and what the back-end settles itself
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/svm_exit.c kernel/virt/svm_state.c kernel/virt/svm_quirks.c
// LINK: kernel/virt/check.c kernel/virt/virt.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"
#include "kernel/virt/svm.h"

// What the linked sources want of those that cannot run here.
struct virt_ops svm_ops, vmx_ops;
bool svm_next_rip;
const char svm_enter_end[1];
void svm_enter(uint64_t vmcb, uint64_t host, uint64_t *gpr, bool shadow)
{
    (void)vmcb, (void)host, (void)gpr, (void)shadow;
}

void lapic_look_again(void)
{
}

static struct svm_vcpu hw;
static struct vcpu vcpu;
static struct vmcb_control *const control = &hw.vmcb.control;
static struct vmcb_save *const save = &hw.vmcb.save;

static int setup(void **state)
{
    (void)state;
    memset(&hw, 0, sizeof(hw));
    memset(&vcpu, 0, sizeof(vcpu));
    vcpu.hw = &hw;
    svm_next_rip = false;
    svm_ops.read = svm_read;
    virt = &svm_ops;
    svm_intercept_all(&hw);
    svm_write(&vcpu, GROUP_ALL, &virt_reset_state);
    save->rip = 0x1000;
    return 0;
}

static enum virt_result leave(uint32_t code, uint64_t info1, uint64_t info2)
{
    control->exit_code = code;
    control->exit_info_1 = info1;
    control->exit_info_2 = info2;
    return svm_exit(&vcpu);
}

static bool intercepted(uint32_t code)
{
    return control->intercepts[code / 32] >> code % 32 & 1;
}

static void kinds(void **state)
{
    static const struct {
        uint32_t code, kind;
    } cases[] = {
        {VMEXIT_CPUID, EXIT_CPUID},           {VMEXIT_HLT, EXIT_HLT},
        {VMEXIT_INVD, EXIT_INVALIDATE},       {VMEXIT_WBINVD, EXIT_INVALIDATE},
        {VMEXIT_VMMCALL, EXIT_VMCALL},        {VMEXIT_XSETBV, EXIT_XSETBV},
        {VMEXIT_RDPMC, EXIT_PRIVILEGED},      {VMEXIT_VMRUN, EXIT_PRIVILEGED},
        {VMEXIT_VMLOAD, EXIT_PRIVILEGED},     {VMEXIT_STGI, EXIT_PRIVILEGED},
        {VMEXIT_CLGI, EXIT_PRIVILEGED},       {VMEXIT_SKINIT, EXIT_PRIVILEGED},
        {VMEXIT_MWAIT, EXIT_PRIVILEGED},      {VMEXIT_ICEBP, EXIT_PRIVILEGED},
        {VMEXIT_INVLPGA, EXIT_PRIVILEGED},    {VMEXIT_RDPRU, EXIT_PRIVILEGED},
        {VMEXIT_SHUTDOWN, EXIT_TRIPLE_FAULT},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(intercepted(cases[i].code));
        assert_int_equal(leave(cases[i].code, 0, 0), VIRT_EXIT);
        assert_int_equal(vcpu.exit.kind, cases[i].kind);
        assert_int_equal(vcpu.exit.raw, cases[i].code);
        assert_int_equal(vcpu.exit.info, 0);
    }
    assert_int_equal(leave(0x6e, 0, 0), VIRT_EXIT); // RDTSC is not intercepted
    assert_false(intercepted(0x6e));
    assert_int_equal(vcpu.exit.kind, EXIT_ERROR);
    assert_int_equal(leave(0x8000, 0, 0), VIRT_EXIT);
    assert_int_equal(vcpu.exit.kind, EXIT_ERROR);
}

static void lengths_where_the_cpu_tells(void **state)
{
    (void)state;
    svm_next_rip = true;
    control->next_rip = save->rip + 2;
    leave(VMEXIT_CPUID, 0, 0);
    assert_int_equal(EXIT_INFO_LENGTH(vcpu.exit.info), 2);
    assert_int_equal(vcpu.exit.next_rip, 0x1002);
}

static void msrs_and_control_registers(void **state)
{
    (void)state;
    leave(VMEXIT_MSR, 0, 0);
    assert_int_equal(vcpu.exit.kind, EXIT_RDMSR);
    leave(VMEXIT_MSR, 1, 0);
    assert_int_equal(vcpu.exit.kind, EXIT_WRMSR);
    leave(VMEXIT_CR_WRITE + 4, 0, 0);
    assert_int_equal(vcpu.exit.kind, EXIT_CR);
    assert_int_equal(vcpu.exit.address, 4);
    assert_int_equal(vcpu.exit.value, GPR_COUNT); // not known
    assert_int_equal(vcpu.exit.info, EXIT_WRITE);
    leave(VMEXIT_CR0_SEL_WRITE, UINT64_C(1) << 63 | GPR_RDX, 0);
    assert_int_equal(vcpu.exit.address, 0);
    assert_int_equal(vcpu.exit.value, GPR_RDX);
    assert_false(intercepted(VMEXIT_CR_WRITE + 3));
}

#define PORT(port, size, bits) ((uint64_t)(port) << 16 | (size) << 4 | (bits))

static void port_accesses(void **state)
{
    (void)state;
    vcpu.gpr[GPR_RAX] = 0x1122334455667788;
    leave(VMEXIT_IOIO, PORT(0xcfc, 2, 0), 0x1002);
    assert_int_equal(vcpu.exit.kind, EXIT_PIO);
    assert_int_equal(vcpu.exit.address, 0xcfc);
    assert_int_equal(vcpu.exit.value, 0x7788);
    assert_int_equal(vcpu.exit.info, EXIT_WRITE | 2 << 8 | 2);
    leave(VMEXIT_IOIO, PORT(0xffff, 4, 1), 0x1001);
    assert_int_equal(vcpu.exit.address, 0xffff);
    assert_int_equal(vcpu.exit.value, 0);
    assert_int_equal(vcpu.exit.info, 1 << 8 | 4);
    leave(VMEXIT_IOIO, PORT(0x1f0, 1, 4 | 8), 0x1003); // REP OUTSB
    assert_int_equal(vcpu.exit.info, EXIT_WRITE | EXIT_STRING | EXIT_REP | 3 << 8 | 1);
    assert_int_equal(vcpu.exit.value, 0);
}

static void reads_keep_what_the_width_leaves(void **state)
{
    static const struct {
        uint64_t size, rax;
    } cases[] = {{1, 0x11223344556677dd}, {2, 0x112233445566ccdd}, {4, 0xaabbccdd}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        vcpu.gpr[GPR_RAX] = 0x1122334455667788;
        save->rflags = RFLAGS_1 | RFLAGS_RF;
        control->int_state = INT_STATE_SHADOW;
        leave(VMEXIT_IOIO, PORT(0x60, cases[i].size, 1), 0x1002);
        svm_skip_pio(&vcpu, 0xffffffffaabbccdd);
        assert_int_equal(vcpu.gpr[GPR_RAX], cases[i].rax);
        assert_int_equal(save->rip, 0x1002);
        assert_int_equal(save->rflags, RFLAGS_1);
        assert_int_equal(control->int_state, 0);
        assert_int_equal(control->event_inj, 0);
        save->rip = 0x1000;
    }
}

static void a_stepped_port_access_traps(void **state)
{
    (void)state;
    save->rflags |= RFLAGS_TF;
    vcpu.gpr[GPR_RAX] = 7;
    leave(VMEXIT_IOIO, PORT(0x80, 1, 0), 0x1002);
    svm_skip_pio(&vcpu, 0xff);
    assert_int_equal(vcpu.gpr[GPR_RAX], 7); // a write
    assert_true(save->dr6 & DR6_BS);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_DB));
}

static void nested_page_faults(void **state)
{
    (void)state;
    leave(VMEXIT_NPF, UINT64_C(1) << 32 | 6, 0xfee00020);
    assert_int_equal(vcpu.exit.kind, EXIT_MMIO);
    assert_int_equal(vcpu.exit.address, 0xfee00020);
    assert_int_equal(vcpu.exit.raw, UINT64_C(1) << 32 | 6);
    assert_int_equal(vcpu.exit.info, EXIT_WRITE);
    leave(VMEXIT_NPF, UINT64_C(1) << 33 | 6, 0x1000);
    assert_int_equal(vcpu.exit.info, EXIT_WRITE | EXIT_PAGE_WALK);
    leave(VMEXIT_NPF, UINT64_C(1) << 32 | 0x14, 0x1000);
    assert_int_equal(vcpu.exit.info, EXIT_FETCH);
}

// Exceptions that a guest could raise in a loop without end go back into it.
static void reflected_exceptions(void **state)
{
    (void)state;
    save->cr0 |= CR0_PE;
    assert_true(intercepted(VMEXIT_EXCEPTION + EXCEPTION_AC) && intercepted(VMEXIT_EXCEPTION + EXCEPTION_DB));
    assert_int_equal(leave(VMEXIT_EXCEPTION + EXCEPTION_AC, 0, 0), VIRT_RESUME);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_AC) | EVENT_ERROR(0));
    assert_int_equal(save->rflags, RFLAGS_1 | RFLAGS_RF); // a fault
    save->rflags = RFLAGS_1;
    save->dr6 |= DR6_BD;
    save->dr7 |= DR7_GD;
    assert_int_equal(leave(VMEXIT_EXCEPTION + EXCEPTION_DB, 0, 0), VIRT_RESUME);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_DB));
    assert_false(save->dr7 & DR7_GD);
    assert_int_equal(save->rflags, RFLAGS_1);
    control->event_inj = EVENT_MAKE(EVENT_NMI, 2); // cut off by it: goes first
    leave(VMEXIT_EXCEPTION + EXCEPTION_DB, 0, 0);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_NMI, 2));
}

static void an_nmi_ends_behind_its_iret(void **state)
{
    (void)state;
    svm_set_nmi(&hw, true);
    assert_true(intercepted(VMEXIT_IRET));
    assert_int_equal(leave(VMEXIT_IRET, 0, 0), VIRT_RESUME);
    assert_false(intercepted(VMEXIT_IRET));
    assert_true(save->rflags & RFLAGS_TF);
    assert_int_equal(control->int_state, INT_STATE_SHADOW); // no interrupt before it
    leave(VMEXIT_NPF, 0, 0x9000);                           // its stack is missing
    assert_int_equal(hw.step, STEP_IRET);
    assert_true(hw.nmi);
    save->rflags = RFLAGS_1; // popped
    save->dr6 |= DR6_BS;
    assert_int_equal(leave(VMEXIT_EXCEPTION + EXCEPTION_DB, 0, 0), VIRT_RESUME);
    assert_false(hw.nmi);
    assert_int_equal(hw.step, STEP_NONE);
    assert_int_equal(save->dr6, virt_reset_state.dr6);
    assert_int_equal(control->event_inj, 0);
}

// The guest steps through its handler itself, or the IRET hits one of its breakpoints: it gets its #DB.
static void a_debugged_iret_reports(void **state)
{
    (void)state;
    for (unsigned own_step = 0; own_step < 2; own_step++) {
        setup(NULL);
        svm_set_nmi(&hw, true);
        save->rflags |= own_step ? RFLAGS_TF : 0;
        leave(VMEXIT_IRET, 0, 0);
        save->dr6 |= DR6_BS | (own_step ? 0 : 1);
        leave(VMEXIT_EXCEPTION + EXCEPTION_DB, 0, 0);
        assert_false(hw.nmi);
        assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_DB));
        assert_int_equal(save->dr6, virt_reset_state.dr6 | (own_step ? DR6_BS : 1));
    }
}

// A step that ends in a fault: the guest gets the fault, and nothing of the step.
static void a_faulting_step_is_given_up(void **state)
{
    (void)state;
    save->cr0 |= CR0_PE;
    svm_set_nmi(&hw, true);
    leave(VMEXIT_IRET, 0, 0);
    assert_true(intercepted(VMEXIT_EXCEPTION + EXCEPTION_PF));
    assert_int_equal(leave(VMEXIT_EXCEPTION + EXCEPTION_PF, 6, 0x1234), VIRT_RESUME);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_PF) | EVENT_ERROR(6));
    assert_int_equal(save->cr2, 0x1234);
    svm_cancel_step(&hw); // what the next entry does for the event
    assert_int_equal(save->rflags, RFLAGS_1 | RFLAGS_RF);
    assert_true(hw.nmi && intercepted(VMEXIT_IRET));
    assert_false(intercepted(VMEXIT_EXCEPTION + EXCEPTION_PF));
}

static void ltr_needs_a_task(void **state)
{
    (void)state;
    for (unsigned present = 0; present < 2; present++) {
        setup(NULL);
        save->cr0 |= CR0_PE;
        assert_true(intercepted(VMEXIT_TR_WRITE));
        leave(VMEXIT_TR_WRITE, 0, 0);
        assert_false(intercepted(VMEXIT_TR_WRITE));
        save->tr = (struct vcpu_segment){0x40, present ? 0x8b : 0, 0x67, 0x5000};
        save->rip += 3;
        save->dr6 |= DR6_BS;
        assert_int_equal(leave(VMEXIT_EXCEPTION + EXCEPTION_DB, 0, 0), VIRT_RESUME);
        assert_true(intercepted(VMEXIT_TR_WRITE));
        assert_int_equal(save->rflags, present ? RFLAGS_1 : RFLAGS_1 | RFLAGS_RF);
        assert_int_equal(save->dr6, virt_reset_state.dr6);
        assert_int_equal(save->rip, present ? 0x1003 : 0x1000);
        assert_int_equal(save->tr.selector, present ? 0x40 : 0);
        assert_int_equal(control->event_inj,
                         present ? 0 : EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_GP) | EVENT_ERROR(0));
    }
}

static void debug_registers(void **state)
{
    (void)state;
    assert_true(intercepted(VMEXIT_DR) && intercepted(VMEXIT_DR + 31));
    leave(VMEXIT_DR + 6, 0, 0);
    assert_int_equal(vcpu.exit.kind, EXIT_DR);
    assert_int_equal(vcpu.exit.address, 6);
    assert_int_equal(vcpu.exit.value, GPR_COUNT);
    assert_int_equal(vcpu.exit.info, 0);
    leave(VMEXIT_DR + 16 + 7, 0, 0);
    assert_int_equal(vcpu.exit.address, 7);
    assert_int_equal(vcpu.exit.info, EXIT_WRITE);
}

static void bad_mov_to_cr3_is_a_fault(void **state)
{
    (void)state;
    save->cr0 |= CR0_PE;
    assert_int_equal(leave(VMEXIT_INVALID, 0, 0), VIRT_RESUME);
    assert_int_equal(control->event_inj, EVENT_MAKE(EVENT_EXCEPTION, EXCEPTION_GP) | EVENT_ERROR(0));
}

static void a_failed_entry_names_the_check(void **state)
{
    (void)state;
    virt_limits = (struct virt_limits){.address_bits = 40};
    control->exit_code = VMEXIT_INVALID;
    save->dr6 |= UINT64_C(1) << 32;
    assert_int_equal(virt_failed(&vcpu, VMEXIT_INVALID), VIRT_EXIT);
    assert_int_equal(vcpu.exit.kind, EXIT_ERROR);
    assert_int_equal(vcpu.exit.value, CHECK_DEBUG);
    assert_int_equal(vcpu.exit.raw, VMEXIT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kinds, setup),
        cmocka_unit_test_setup(lengths_where_the_cpu_tells, setup),
        cmocka_unit_test_setup(msrs_and_control_registers, setup),
        cmocka_unit_test_setup(port_accesses, setup),
        cmocka_unit_test_setup(reads_keep_what_the_width_leaves, setup),
        cmocka_unit_test_setup(a_stepped_port_access_traps, setup),
        cmocka_unit_test_setup(nested_page_faults, setup),
        cmocka_unit_test_setup(reflected_exceptions, setup),
        cmocka_unit_test_setup(an_nmi_ends_behind_its_iret, setup),
        cmocka_unit_test_setup(a_debugged_iret_reports, setup),
        cmocka_unit_test_setup(a_faulting_step_is_given_up, setup),
        cmocka_unit_test_setup(ltr_needs_a_task, setup),
        cmocka_unit_test_setup(debug_registers, setup),
        cmocka_unit_test_setup(bad_mov_to_cr3_is_a_fault, setup),
        cmocka_unit_test_setup(a_failed_entry_names_the_check, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
