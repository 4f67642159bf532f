// State transfer between struct vcpu_state and the VMCB, row by row, and what the VMCB holds twice
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/svm_state.c kernel/virt/svm_quirks.c kernel/virt/check.c kernel/virt/virt.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
static struct vcpu vcpu = {.hw = &hw};

// An independent list: where [APM] 2 table B-1 and B-2 have each field.
struct field {
    const char *name;
    uint32_t group;
    size_t state, size;
    size_t vmcb, width; // SIZE_MAX: not in the VMCB
    uint64_t mask;      // bits that are kept
};

#define AT(g, name, vmcb, width, mask)                                                                       \
    {                                                                                                        \
#name, GROUP_##g, offsetof(struct vcpu_state, name), sizeof(((struct vcpu_state *)0)->name), vmcb,   \
            width, mask                                                                                      \
    }
#define CANONICAL UINT64_C(0x7fffffffffff)
#define SEG(g, index, vmcb)                                                                                  \
    AT(g, seg[index].selector, vmcb, 2, 0xffff), AT(g, seg[index].attributes, (vmcb) + 2, 2, 0xfff),         \
        AT(g, seg[index].limit, (vmcb) + 4, 4, UINT32_MAX), AT(g, seg[index].base, (vmcb) + 8, 8, CANONICAL)

static const struct field fields[] = {
    AT(RIP, rip, 0x578, 8, UINT64_MAX),
    AT(RIP, rflags, 0x570, 8, UINT64_MAX),
    AT(CR, cr0, 0x558, 8, UINT64_MAX),
    AT(CR, cr2, 0x640, 8, UINT64_MAX),
    AT(CR, cr3, 0x550, 8, UINT64_MAX),
    AT(CR, cr4, 0x548, 8, UINT64_MAX),
    AT(CR, cr8, 0x60, 1, 0xff),
    AT(EFER, efer, SIZE_MAX, 0, UINT64_MAX),
    SEG(SEG_DATA, SEG_ES, 0x400),
    SEG(SEG_CODE, SEG_CS, 0x410),
    SEG(SEG_CODE, SEG_SS, 0x420),
    SEG(SEG_DATA, SEG_DS, 0x430),
    SEG(SEG_DATA, SEG_FS, 0x440),
    SEG(SEG_DATA, SEG_GS, 0x450),
    SEG(SEG_SYSTEM, SEG_LDTR, 0x470),
    AT(SEG_SYSTEM, seg[SEG_TR].selector, 0x490, 2, 0xffff),
    AT(SEG_SYSTEM, seg[SEG_TR].attributes, 0x492, 2, 0xffd), // see tasks_are_busy
    AT(SEG_SYSTEM, seg[SEG_TR].limit, 0x494, 4, UINT32_MAX),
    AT(SEG_SYSTEM, seg[SEG_TR].base, 0x498, 8, CANONICAL),
    AT(SEG_SYSTEM, gdtr.base, 0x468, 8, CANONICAL),
    AT(SEG_SYSTEM, gdtr.limit, 0x464, 4, UINT32_MAX),
    AT(SEG_SYSTEM, idtr.base, 0x488, 8, CANONICAL),
    AT(SEG_SYSTEM, idtr.limit, 0x484, 4, UINT32_MAX),
    AT(MSR, star, 0x600, 8, UINT64_MAX),
    AT(MSR, lstar, 0x608, 8, CANONICAL),
    AT(MSR, cstar, 0x610, 8, CANONICAL),
    AT(MSR, sfmask, 0x618, 8, UINT64_MAX),
    AT(MSR, kernel_gs_base, 0x620, 8, CANONICAL),
    AT(MSR, sysenter_cs, 0x628, 8, UINT64_MAX),
    AT(MSR, sysenter_esp, 0x630, 8, CANONICAL),
    AT(MSR, sysenter_eip, 0x638, 8, CANONICAL),
    AT(MSR, pat, 0x668, 8, UINT64_MAX),
    AT(DR, dr[0], SIZE_MAX, 0, UINT64_MAX),
    AT(DR, dr[1], SIZE_MAX, 0, UINT64_MAX),
    AT(DR, dr[2], SIZE_MAX, 0, UINT64_MAX),
    AT(DR, dr[3], SIZE_MAX, 0, UINT64_MAX),
    AT(DR, dr6, 0x568, 8, UINT64_MAX),
    AT(DR, dr7, 0x560, 8, UINT64_MAX),
    AT(TSC, tsc_offset, 0x50, 8, UINT64_MAX),
    AT(EVENT, event, 0xa8, 8, UINT64_MAX),
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

// What follows from other fields: save.efer, save.cpl, interrupt shadow, interception of IRET and debug
// registers.
static const struct {
    size_t at, width;
} derived[] = {{0x4d0, 8}, {0x4cb, 1}, {0x68, 8}, {0x08, 8}};

static uint64_t get(const struct vcpu_state *s, const struct field *f)
{
    uint64_t v = 0;
    memcpy(&v, (const char *)s + f->state, f->size);
    return v & f->mask;
}

static void put(struct vcpu_state *s, const struct field *f, uint64_t v)
{
    v &= f->mask;
    memcpy((char *)s + f->state, &v, f->size);
}

static uint64_t in_vmcb(const struct field *f)
{
    uint64_t v = 0;
    memcpy(&v, (const char *)&hw.vmcb + f->vmcb, f->width);
    return v & f->mask;
}

static void fill(struct vcpu_state *s, uint64_t salt)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < FIELDS; i++)
        put(s, &fields[i], (i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ salt);
}

static void read_all(struct vcpu_state *s)
{
    memset(s, 0xa5, sizeof(*s));
    svm_read(&vcpu, GROUP_ALL, s);
}

static int setup(void **state)
{
    (void)state;
    memset(&hw, 0, sizeof(hw));
    vcpu.offer = 0;
    svm_next_rip = false;
    return 0;
}

static bool is_derived(size_t at)
{
    for (unsigned i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
        if (at >= derived[i].at && at < derived[i].at + derived[i].width)
            return true;
    return false;
}

static void whole_state_comes_back(void **state)
{
    struct vcpu_state in, out;
    (void)state;
    fill(&in, 0);
    svm_write(&vcpu, GROUP_ALL, &in);
    read_all(&out);
    for (unsigned i = 0; i < FIELDS; i++)
        if (get(&out, &fields[i]) != get(&in, &fields[i]))
            fail_msg("%s", fields[i].name);
}

// Each field alone: it arrives where the manual has it, and nothing else moves in the VMCB or the state.
static void each_row_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        struct vcpu_state in, out;
        struct vmcb before;
        fill(&in, 0);
        svm_write(&vcpu, GROUP_ALL, &in);
        before = hw.vmcb;
        put(&in, f, ~get(&in, f));
        svm_write(&vcpu, f->group, &in);
        if (f->vmcb != SIZE_MAX)
            assert_int_equal(in_vmcb(f), get(&in, f));
        for (size_t at = 0; at < sizeof(before); at++) {
            bool expected =
                (f->vmcb != SIZE_MAX && at >= f->vmcb && at < f->vmcb + f->width) || is_derived(at);
            if (!expected && ((char *)&before)[at] != ((char *)&hw.vmcb)[at])
                fail_msg("%s changed the VMCB at 0x%zx", f->name, at);
        }
        read_all(&out);
        for (unsigned j = 0; j < FIELDS; j++)
            if (get(&out, &fields[j]) != get(&in, &fields[j]))
                fail_msg("%s changed %s", f->name, fields[j].name);
    }
}

static void groups_are_apart(void **state)
{
    (void)state;
    for (uint32_t group = 1; group <= GROUP_EVENT; group <<= 1) {
        struct vcpu_state a, b, out, untouched;
        fill(&a, 0);
        fill(&b, UINT64_MAX);
        svm_write(&vcpu, GROUP_ALL, &a);
        svm_write(&vcpu, group, &b);
        read_all(&out);
        for (unsigned i = 0; i < FIELDS; i++)
            assert_int_equal(get(&out, &fields[i]), get(fields[i].group == group ? &b : &a, &fields[i]));
        memset(&untouched, 0xa5, sizeof(untouched));
        out = untouched;
        svm_read(&vcpu, group, &out);
        for (unsigned i = 0; i < FIELDS; i++)
            if (fields[i].group != group && get(&out, &fields[i]) != get(&untouched, &fields[i]))
                fail_msg("reading %x wrote %s", group, fields[i].name);
    }
}

static void attributes_are_twelve_bits(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.seg[SEG_CS] = (struct vcpu_segment){8, 0xfa9b, UINT32_MAX, 0};
    svm_write(&vcpu, GROUP_SEG_CODE, &s);
    assert_int_equal(hw.vmcb.save.cs.attributes, 0xa9b);
    assert_int_equal(hw.vmcb.save.cs.limit, UINT32_MAX);
}

// The CPU keeps CPL apart from SS.DPL; the state has it in SS.DPL.
static void cpl_is_the_dpl_of_ss(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.seg[SEG_SS].attributes = 0xcf3;
    svm_write(&vcpu, GROUP_SEG_CODE, &s);
    assert_int_equal(hw.vmcb.save.cpl, 3);
    hw.vmcb.save.cpl = 0;
    svm_read(&vcpu, GROUP_SEG_CODE, &s);
    assert_int_equal(s.seg[SEG_SS].attributes, 0xc93);
}

// A loaded TR is busy, whatever the emulator needs in its VMCB.
static void tasks_are_busy(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    for (unsigned processor = 0; processor < 2; processor++) {
        svm_next_rip = processor;
        s.seg[SEG_TR].attributes = 0x8b;
        svm_write(&vcpu, GROUP_SEG_SYSTEM, &s);
        assert_int_equal(hw.vmcb.save.tr.attributes, processor ? 0x8b : 0x89);
        svm_read(&vcpu, GROUP_SEG_SYSTEM, &s);
        assert_int_equal(s.seg[SEG_TR].attributes, 0x8b);
    }
}

static void lme_waits_for_paging(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.efer = EFER_LME | EFER_SCE;
    svm_write(&vcpu, GROUP_ALL, &s);
    assert_int_equal(hw.vmcb.save.efer, EFER_SVME | EFER_SCE);
    svm_read(&vcpu, GROUP_EFER, &s);
    assert_int_equal(s.efer, EFER_LME | EFER_SCE);
    s.cr0 = CR0_PE | CR0_PG;
    svm_write(&vcpu, GROUP_CR, &s);
    assert_int_equal(hw.vmcb.save.efer, EFER_SVME | EFER_SCE | EFER_LME);
}

static void blocking_comes_back(void **state)
{
    static const uint32_t cases[] = {0, BLOCKING_STI, BLOCKING_MOV_SS, BLOCKING_NMI,
                                     BLOCKING_NMI | BLOCKING_MOV_SS};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vcpu_state s = virt_reset_state;
        s.blocking = cases[i];
        s.rflags |= (cases[i] & BLOCKING_STI) ? RFLAGS_IF : 0;
        svm_write(&vcpu, GROUP_RIP, &s);
        assert_int_equal(hw.vmcb.control.int_state, (cases[i] & ~(uint32_t)BLOCKING_NMI) ? 1 : 0);
        assert_int_equal(hw.vmcb.control.intercepts[VMEXIT_IRET / 32] >> VMEXIT_IRET % 32 & 1,
                         !!(cases[i] & BLOCKING_NMI));
        read_all(&s);
        assert_int_equal(s.blocking, cases[i]);
    }
}

// While we step over the IRET that ends an NMI, TF is ours and the NMI is still blocked.
static void our_single_step_is_hidden(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    svm_write(&vcpu, GROUP_RIP, &s);
    hw.vmcb.save.rflags |= RFLAGS_TF;
    svm_set_nmi(&hw, true);
    svm_set_step(&hw, STEP_IRET);
    svm_read(&vcpu, GROUP_RIP, &s);
    assert_int_equal(s.rflags, RFLAGS_1);
    assert_int_equal(s.blocking, BLOCKING_NMI);
    svm_write(&vcpu, GROUP_RIP, &s); // the IRET is intercepted afresh
    assert_true(hw.nmi);
    assert_int_equal(hw.step, STEP_NONE);
    assert_int_equal(hw.vmcb.save.rflags, RFLAGS_1);
}

static void modes_flush(void **state)
{
    static const uint32_t flushing = GROUP_CR | GROUP_EFER | GROUP_MSR;
    (void)state;
    for (uint32_t group = 1; group <= GROUP_EVENT; group <<= 1) {
        hw.asid_era = 7;
        svm_write(&vcpu, group, &virt_reset_state);
        assert_int_equal(hw.asid_era, (group & flushing) ? 0 : 7);
    }
}

static void offers_replace_each_other(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.cr8 = 5;
    svm_write(&vcpu, GROUP_CR, &s);
    svm_offer(&vcpu, OFFER_MAKE(0x31));
    assert_int_equal(hw.vmcb.control.int_ctl, INT_CTL_ALWAYS | V_IRQ | 5);
    assert_int_equal(hw.vmcb.control.int_vector, 0x31);
    svm_offer(&vcpu, OFFER_NMI_WINDOW);
    assert_int_equal(hw.vmcb.control.int_ctl, INT_CTL_ALWAYS | 5);
    assert_int_equal(vcpu.offer, OFFER_NMI_WINDOW);
}

static void cut_off_events(void **state)
{
    static const struct {
        uint64_t info, event;
    } cases[] = {
        {EVENT_MAKE(0, 0x30), EVENT_MAKE(0, 0x30)},
        {EVENT_MAKE(3, 0x30), EVENT_MAKE(0, 0x30)}, // the emulator's word for it
        {EVENT_MAKE(2, 2), EVENT_MAKE(2, 2)},
        {EVENT_MAKE(3, 2), EVENT_MAKE(2, 2)},
        {EVENT_MAKE(3, 14) | EVENT_ERROR(6), EVENT_MAKE(3, 14) | EVENT_ERROR(6)},
        {EVENT_MAKE(3, 1), EVENT_MAKE(3, 1)},
        {EVENT_MAKE(3, 6) | UINT64_C(0x1234) << 32, EVENT_MAKE(3, 6)}, // not an error code
        {EVENT_MAKE(3, 3), 0},                                         // these are executed again
        {EVENT_MAKE(3, 4), 0},
        {EVENT_MAKE(4, 0x80), 0},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(svm_cut_off(cases[i].info), cases[i].event);
}

// VMEXIT_INVALID: a failed entry, or the emulator's word for #GP at a MOV to CR3.
static void failed_entries(void **state)
{
    (void)state;
    virt_limits = (struct virt_limits){.cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA, .address_bits = 40};
    hw.phys = 0x1234000;
    svm_write(&vcpu, GROUP_ALL, &virt_reset_state);
    assert_false(svm_entry_failed(&vcpu));
    svm_next_rip = true; // a processor means what it says
    assert_true(svm_entry_failed(&vcpu));
    svm_next_rip = false;
    hw.vmcb.save.cr4 = UINT64_C(1) << 40;
    assert_true(svm_entry_failed(&vcpu));
    hw.vmcb.save.cr4 = 0;
    hw.vmcb.control.exit_int_info = EVENT_VALID;
    assert_true(svm_entry_failed(&vcpu));
}

static enum status write_checked(uint32_t groups, const struct vcpu_state *s)
{
    enum status status = virt_check_write(&vcpu, groups, s);
    if (status == STATUS_OK)
        svm_write(&vcpu, groups, s);
    return status;
}

// What one reply writes is judged together with what the vCPU has already.
static void writes_are_judged_as_a_whole(void **state)
{
    static const struct virt_ops ops = {.read = svm_read, .write = svm_write};
    struct vcpu_state s = virt_reset_state, out;
    (void)state;
    virt = &ops;
    virt_limits = (struct virt_limits){.cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA, .address_bits = 40};
    assert_int_equal(write_checked(GROUP_ALL, &s), STATUS_OK);
    s.efer = EFER_LME;
    assert_int_equal(write_checked(GROUP_EFER, &s), STATUS_OK);
    s.cr0 = CR0_PE | CR0_PG;
    assert_int_equal(write_checked(GROUP_CR, &s), STATUS_BAD_ARG); // LMA and PAE are missing
    s.efer |= EFER_LMA;
    s.cr4 = CR4_PAE;
    s.rip = 0x1000;
    s.rflags = RFLAGS_1 | RFLAGS_VM;
    assert_int_equal(write_checked(GROUP_CR | GROUP_EFER | GROUP_RIP, &s), STATUS_BAD_ARG);
    read_all(&out);
    assert_int_equal(out.rip, virt_reset_state.rip);
    assert_int_equal(out.cr0, virt_reset_state.cr0);
    s.rflags = RFLAGS_1;
    assert_int_equal(write_checked(GROUP_CR | GROUP_EFER | GROUP_RIP, &s), STATUS_OK);
    s.rflags = RFLAGS_1 | RFLAGS_VM; // alone, but the mode forbids it
    assert_int_equal(write_checked(GROUP_RIP, &s), STATUS_BAD_ARG);
    s.rflags = 0;
    assert_int_equal(write_checked(GROUP_RIP, &s), STATUS_BAD_ARG);
    s.rflags = RFLAGS_1 | RFLAGS_IF;
    assert_int_equal(write_checked(GROUP_RIP, &s), STATUS_OK);
    assert_int_equal(write_checked(GROUP_GPR, &s), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole_state_comes_back, setup),
        cmocka_unit_test_setup(each_row_alone, setup),
        cmocka_unit_test_setup(groups_are_apart, setup),
        cmocka_unit_test_setup(attributes_are_twelve_bits, setup),
        cmocka_unit_test_setup(cpl_is_the_dpl_of_ss, setup),
        cmocka_unit_test_setup(tasks_are_busy, setup),
        cmocka_unit_test_setup(lme_waits_for_paging, setup),
        cmocka_unit_test_setup(blocking_comes_back, setup),
        cmocka_unit_test_setup(our_single_step_is_hidden, setup),
        cmocka_unit_test_setup(modes_flush, setup),
        cmocka_unit_test_setup(offers_replace_each_other, setup),
        cmocka_unit_test_setup(cut_off_events, setup),
        cmocka_unit_test_setup(failed_entries, setup),
        cmocka_unit_test_setup(writes_are_judged_as_a_whole, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
