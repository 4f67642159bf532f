// What a vCPU's state may be: each rule by a state that breaks it alone
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/check.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/platform/x86.h"
#include "kernel/virt/virt.h"

static const struct virt_limits limits = {
    .cr4 = CR4_PAE | CR4_PSE | CR4_PCIDE | CR4_OSXSAVE,
    .efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
    .address_bits = 40,
};
static const struct virt_limits pdpte_limits = {
    .cr4 = CR4_PAE,
    .efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE,
    .pdpte_reserved = UINT64_C(0xffffff00000001e6),
    .address_bits = 40,
};

#define NOT_CANONICAL UINT64_C(0x0000800000000000)
#define WIDE          UINT64_C(0x100000000)

static struct vcpu_state real_mode(void)
{
    struct vcpu_state s = {.rip = 0xfff0, .rflags = RFLAGS_1, .cr0 = CR0_CD | CR0_NW | CR0_ET};
    for (unsigned i = 0; i < SEG_LDTR; i++)
        s.seg[i] = (struct vcpu_segment){0, 0x93, 0xffff, 0};
    s.seg[SEG_CS] = (struct vcpu_segment){0xf000, 0x9b, 0xffff, 0xffff0000};
    s.seg[SEG_LDTR] = (struct vcpu_segment){0, 0x82, 0xffff, 0};
    s.seg[SEG_TR] = (struct vcpu_segment){0, 0x8b, 0xffff, 0};
    s.gdtr.limit = s.idtr.limit = 0xffff;
    s.pat = 0x0007040600070406;
    s.dr6 = 0xffff0ff0;
    s.dr7 = 0x400;
    return s;
}

static struct vcpu_state long_mode(void)
{
    struct vcpu_state s = real_mode();
    s.rip = 0xffffffff81000000;
    s.cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_WP;
    s.cr3 = 0x10000;
    s.cr4 = CR4_PAE | CR4_PCIDE;
    s.efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    s.seg[SEG_CS] = (struct vcpu_segment){8, 0xa9b, UINT32_MAX, 0};
    s.seg[SEG_SS] = (struct vcpu_segment){0, 0, 0, 0}; // null
    s.seg[SEG_GS].base = 0xffff888000000000;
    s.seg[SEG_LDTR] = (struct vcpu_segment){0, 0, 0, 0};
    s.seg[SEG_TR] = (struct vcpu_segment){0x40, 0x8b, 0x206f, 0xfffffe0000003000};
    s.lstar = 0xffffffff81800000;
    return s;
}

static struct vcpu_state vm86(void)
{
    struct vcpu_state s = real_mode();
    s.cr0 = CR0_PE | CR0_PG | CR0_ET;
    s.rflags |= RFLAGS_VM | RFLAGS_IF;
    for (unsigned i = 0; i < SEG_LDTR; i++)
        s.seg[i] = (struct vcpu_segment){0x1000, 0xf3, 0xffff, 0x10000};
    return s;
}

static enum virt_check judge(const struct vcpu_state *s)
{
    return virt_check(VIRT_GROUPS, s, &limits);
}

static void good_states_pass(void **state)
{
    struct vcpu_state real = real_mode(), lng = long_mode(), v86 = vm86();
    (void)state;
    assert_int_equal(judge(&real), CHECK_OK);
    assert_int_equal(judge(&lng), CHECK_OK);
    assert_int_equal(judge(&v86), CHECK_OK);
    lng.efer &= ~(EFER_LMA | EFER_LME); // PAE without long mode
    lng.cr4 &= ~CR4_PCIDE;
    assert_int_equal(judge(&lng), CHECK_OK);
    real.efer = EFER_LME; // on the way to long mode
    assert_int_equal(judge(&real), CHECK_OK);
    real.rip = NOT_CANONICAL; // where an instruction at the end of the lower half leads
    assert_int_equal(judge(&real), CHECK_OK);
}

#define REFUSED(expected, base, change)                                                                      \
    do {                                                                                                     \
        struct vcpu_state s = base();                                                                        \
        change;                                                                                              \
        assert_int_equal(judge(&s), expected);                                                               \
    } while (0)

static void flags_are_judged(void **state)
{
    (void)state;
    REFUSED(CHECK_RFLAGS, real_mode, s.rflags = 0);
    REFUSED(CHECK_RFLAGS, real_mode, s.rflags |= 1 << 3);
    REFUSED(CHECK_RFLAGS, real_mode, s.rflags |= 1 << 15);
    REFUSED(CHECK_RFLAGS, real_mode, s.rflags |= 1 << 22);
    REFUSED(CHECK_BLOCKING, real_mode, s.blocking = 8);
    REFUSED(CHECK_BLOCKING, real_mode, s.blocking = BLOCKING_STI); // with IF clear
    REFUSED(CHECK_BLOCKING, real_mode, s.rflags |= RFLAGS_IF; s.blocking = BLOCKING_STI | BLOCKING_MOV_SS);
}

static void control_registers_are_judged(void **state)
{
    (void)state;
    REFUSED(CHECK_CR0_RESERVED, real_mode, s.cr0 |= WIDE);
    REFUSED(CHECK_CR0_RESERVED, real_mode, s.cr0 |= 1 << 6);
    REFUSED(CHECK_CR0_CACHE, real_mode, s.cr0 &= ~CR0_CD);
    REFUSED(CHECK_CR0_PAGING, real_mode, s.cr0 |= CR0_PG);
    REFUSED(CHECK_CR3, long_mode, s.cr3 |= UINT64_C(1) << 40);
    REFUSED(CHECK_CR3, long_mode, s.cr3 |= UINT64_C(1) << 63);
    REFUSED(CHECK_CR4, long_mode, s.cr4 |= CR4_VMXE);
    REFUSED(CHECK_CR4, long_mode, s.cr4 |= WIDE);
    REFUSED(CHECK_CR8, long_mode, s.cr8 = 16);
    REFUSED(CHECK_EFER, long_mode, s.efer |= EFER_SVME);
}

static void segments_are_judged(void **state)
{
    (void)state;
    REFUSED(CHECK_CS, real_mode, s.seg[SEG_CS].attributes &= 0xf7f);
    REFUSED(CHECK_CS, real_mode, s.seg[SEG_CS].attributes &= 0xfef);
    REFUSED(CHECK_CS, real_mode, s.seg[SEG_CS].base = WIDE);
    REFUSED(CHECK_SS, real_mode, s.seg[SEG_SS].base = WIDE);
    REFUSED(CHECK_DATA_BASE, long_mode, s.seg[SEG_DS].base = WIDE);
    REFUSED(CHECK_DATA_BASE, long_mode, s.seg[SEG_ES].base = WIDE);
    REFUSED(CHECK_DATA_BASE, long_mode, s.seg[SEG_FS].base = NOT_CANONICAL);
    REFUSED(CHECK_DATA_BASE, long_mode, s.seg[SEG_GS].base = NOT_CANONICAL);
    REFUSED(CHECK_TR, long_mode, s.seg[SEG_TR].attributes = 0x89); // not busy
    REFUSED(CHECK_TR, long_mode, s.seg[SEG_TR].attributes = 0x0b); // not present
    REFUSED(CHECK_TR, long_mode, s.seg[SEG_TR].base = NOT_CANONICAL);
    REFUSED(CHECK_LDTR, real_mode, s.seg[SEG_LDTR].attributes = 0x8b);
    REFUSED(CHECK_LDTR, real_mode, s.seg[SEG_LDTR].base = NOT_CANONICAL);
    REFUSED(CHECK_TABLES, real_mode, s.gdtr.base = NOT_CANONICAL);
    REFUSED(CHECK_TABLES, real_mode, s.idtr.limit = 0x10000);
}

static void msrs_and_debug_registers_are_judged(void **state)
{
    (void)state;
    REFUSED(CHECK_MSR_ADDRESS, real_mode, s.lstar = NOT_CANONICAL);
    REFUSED(CHECK_MSR_ADDRESS, real_mode, s.cstar = NOT_CANONICAL);
    REFUSED(CHECK_MSR_ADDRESS, real_mode, s.kernel_gs_base = NOT_CANONICAL);
    REFUSED(CHECK_MSR_ADDRESS, real_mode, s.sysenter_esp = NOT_CANONICAL);
    REFUSED(CHECK_MSR_ADDRESS, real_mode, s.sysenter_eip = NOT_CANONICAL);
    REFUSED(CHECK_PAT, real_mode, s.pat = 0x02);
    REFUSED(CHECK_PAT, real_mode, s.pat = UINT64_C(0x0800000000000000));
    REFUSED(CHECK_DEBUG, real_mode, s.dr6 |= WIDE);
    REFUSED(CHECK_DEBUG, real_mode, s.dr7 |= WIDE);
}

static void modes_are_judged(void **state)
{
    (void)state;
    REFUSED(CHECK_LMA, long_mode, s.efer &= ~EFER_LMA);
    REFUSED(CHECK_LMA, real_mode, s.efer = EFER_LMA);
    REFUSED(CHECK_LMA, real_mode, s.efer = EFER_LMA | EFER_LME);
    REFUSED(CHECK_LONG_MODE_PAE, long_mode, s.cr4 = 0);
    REFUSED(CHECK_PCID, real_mode, s.cr4 = CR4_PCIDE);
    REFUSED(CHECK_CS_L_AND_D, long_mode, s.seg[SEG_CS].attributes |= 0x400);
    REFUSED(CHECK_VM86, long_mode, s.rflags |= RFLAGS_VM);
    REFUSED(CHECK_VM86, real_mode, s.rflags |= RFLAGS_VM);
    REFUSED(CHECK_REAL_MODE_SS, real_mode, s.seg[SEG_SS].attributes = 0xf3);
}

// Bad ones are refused where the processor would load them: in PAE paging, if it is present, if it uses ours.
static void page_directory_pointers_are_judged(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct vcpu_state s = long_mode();
        s.cr4 = CR4_PAE;
        s.pdpte[i] = UINT64_C(0x10000000003); // reserved bits 1 and 40
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_OK);
        s.efer &= ~(EFER_LMA | EFER_LME);
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_PDPTE);
        assert_int_equal(judge(&s), CHECK_OK);
        s.pdpte[i] = 0x2;
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_OK);
        s.pdpte[i] = UINT64_C(0xfffffff019);
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_OK);
        s.pdpte[i] = 0x101;
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_PDPTE);
        s.cr4 = 0;
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_OK);
        s.cr4 = CR4_PAE;
        s.cr0 &= ~CR0_PG;
        assert_int_equal(virt_check(VIRT_GROUPS, &s, &pdpte_limits), CHECK_OK);
    }
}

static void events(void **state)
{
    static const struct {
        uint64_t event;
        bool good;
    } cases[] = {
        {0, true},
        {EVENT_MAKE(EVENT_NMI, 2), true},
        {EVENT_MAKE(EVENT_NMI, 3), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 6), true},
        {EVENT_MAKE(EVENT_EXCEPTION, 2), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 31), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 32), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 13) | EVENT_ERROR(0x10), true},
        {EVENT_MAKE(EVENT_EXCEPTION, 13), true}, // real mode
        {EVENT_MAKE(EVENT_EXCEPTION, 6) | EVENT_ERROR(0), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 45) | EVENT_ERROR(0), false},
        {EVENT_MAKE(EVENT_NMI, 2) | EVENT_ERROR(0), false},
        {EVENT_MAKE(EVENT_SOFTWARE, 0x80), true},
        {EVENT_MAKE(EVENT_INTERRUPT, 0x80), false}, // these are offered
        {EVENT_MAKE(1, 3), false},
        {EVENT_MAKE(5, 3), false},
        {EVENT_MAKE(EVENT_EXCEPTION, 6) & ~EVENT_VALID, false},
        {EVENT_MAKE(EVENT_EXCEPTION, 6) | 1 << 12, false},
        {EVENT_MAKE(EVENT_EXCEPTION, 6) | WIDE, false}, // an error code that is not valid
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        REFUSED(cases[i].good ? CHECK_OK : CHECK_EVENT, long_mode, s.event = cases[i].event);
}

// A group that is not given is not judged, and rules about several want all of them.
static void only_what_is_given(void **state)
{
    struct vcpu_state s = real_mode();
    (void)state;
    s.rflags = 0;
    s.cr0 |= WIDE;
    s.dr7 |= WIDE;
    s.event = 1;
    assert_int_equal(virt_check(GROUP_GPR | GROUP_XCR0 | GROUP_TSC | GROUP_MSR, &s, &limits), CHECK_OK);
    assert_int_equal(virt_check(GROUP_DR, &s, &limits), CHECK_DEBUG);
    s = long_mode();
    s.efer &= ~EFER_LMA;
    assert_int_equal(virt_check(GROUP_CR | GROUP_EFER, &s, &limits), CHECK_OK);
    assert_int_equal(virt_check(CHECK_MODE_GROUPS, &s, &limits), CHECK_LMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_states_pass),
        cmocka_unit_test(flags_are_judged),
        cmocka_unit_test(control_registers_are_judged),
        cmocka_unit_test(segments_are_judged),
        cmocka_unit_test(msrs_and_debug_registers_are_judged),
        cmocka_unit_test(modes_are_judged),
        cmocka_unit_test(page_directory_pointers_are_judged),
        cmocka_unit_test(events),
        cmocka_unit_test(only_what_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
