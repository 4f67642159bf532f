// State transfer between struct vcpu_state and the VMCS, row by row, and what the VMCS holds in two places
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/vmx_state.c kernel/virt/check.c kernel/virt/virt.c
#include "tests/unit/vmx_machine.h"

// An independent list: the encoding that [SDM] 3D appendix B gives each field.
struct field {
    const char *name;
    uint32_t group;
    size_t state, size;
    uint32_t encoding; // NOWHERE: not in the VMCS
    unsigned width;
    uint64_t mask; // bits that are kept
};

#define NOWHERE UINT32_MAX
#define AT(g, name, encoding, width, mask)                                                                   \
    {                                                                                                        \
#name, GROUP_##g, offsetof(struct vcpu_state, name), sizeof(((struct vcpu_state *)0)->name),         \
            encoding, width, mask                                                                            \
    }
#define OWN(g, name) AT(g, name, NOWHERE, 0, UINT64_MAX)
#define SEG(g, index, f1, f2, f3)                                                                            \
    AT(g, seg[index].selector, f1, 2, 0xffff), AT(g, seg[index].attributes, NOWHERE, 0, 0xfff),              \
        AT(g, seg[index].limit, f2, 4, UINT32_MAX), AT(g, seg[index].base, f3, 8, UINT64_MAX)

static const struct field fields[] = {
    AT(RIP, rip, 0x681e, 8, UINT64_MAX),
    AT(RIP, rflags, 0x6820, 8, UINT64_MAX),
    AT(CR, cr0, 0x6004, 8, UINT64_MAX), // its shadow
    OWN(CR, cr2),
    AT(CR, cr3, 0x6802, 8, UINT64_MAX),
    AT(CR, cr4, 0x6006, 8, UINT64_MAX),
    AT(CR, cr8, NOWHERE, 0, 0xf),
    AT(EFER, efer, 0x2806, 8, UINT64_MAX),
    SEG(SEG_DATA, SEG_ES, 0x800, 0x4800, 0x6806),
    SEG(SEG_CODE, SEG_CS, 0x802, 0x4802, 0x6808),
    SEG(SEG_CODE, SEG_SS, 0x804, 0x4804, 0x680a),
    SEG(SEG_DATA, SEG_DS, 0x806, 0x4806, 0x680c),
    SEG(SEG_DATA, SEG_FS, 0x808, 0x4808, 0x680e),
    SEG(SEG_DATA, SEG_GS, 0x80a, 0x480a, 0x6810),
    SEG(SEG_SYSTEM, SEG_LDTR, 0x80c, 0x480c, 0x6812),
    SEG(SEG_SYSTEM, SEG_TR, 0x80e, 0x480e, 0x6814),
    AT(SEG_SYSTEM, gdtr.base, 0x6816, 8, UINT64_MAX),
    AT(SEG_SYSTEM, gdtr.limit, 0x4810, 4, UINT32_MAX),
    AT(SEG_SYSTEM, idtr.base, 0x6818, 8, UINT64_MAX),
    AT(SEG_SYSTEM, idtr.limit, 0x4812, 4, UINT32_MAX),
    OWN(MSR, star),
    OWN(MSR, lstar),
    OWN(MSR, cstar),
    OWN(MSR, sfmask),
    OWN(MSR, kernel_gs_base),
    AT(MSR, sysenter_cs, 0x482a, 4, UINT32_MAX),
    AT(MSR, sysenter_esp, 0x6824, 8, UINT64_MAX),
    AT(MSR, sysenter_eip, 0x6826, 8, UINT64_MAX),
    AT(MSR, pat, 0x2804, 8, UINT64_MAX),
    OWN(DR, dr[0]),
    OWN(DR, dr[1]),
    OWN(DR, dr[2]),
    OWN(DR, dr[3]),
    OWN(DR, dr6),
    AT(DR, dr7, 0x681a, 8, UINT64_MAX),
    AT(TSC, tsc_offset, 0x2010, 8, UINT64_MAX),
    OWN(EVENT, event),
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

// What follows from other fields: CR0 and CR4 as they are loaded, access rights, the mode of entry, blocking.
static bool is_derived(uint32_t encoding)
{
    return encoding == 0x6800 || encoding == 0x6804 || (encoding >= 0x4814 && encoding <= 0x4824) ||
           encoding == 0x4012 || encoding == 0x6822;
}

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

static void fill(struct vcpu_state *s, uint64_t salt)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < FIELDS; i++)
        put(s, &fields[i], (i + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ salt);
}

static void read_all(struct vcpu_state *s)
{
    memset(s, 0xa5, sizeof(*s));
    vmx_read(&vcpu, GROUP_ALL, s);
}

// [SDM] 3D appendix B: bit 0 selects the upper half of 64 bits, bits 10 and 11 are the type (2: of the guest;
// 0: of controls), bits 13 and 14 the width.
static void encodings_follow_the_rule(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        if (f->encoding == NOWHERE)
            continue;
        uint32_t type = f->encoding >> 10 & 3;
        bool control = f->encoding == VMCS_TSC_OFFSET || f->encoding == VMCS_CR0_SHADOW ||
                       f->encoding == VMCS_CR4_SHADOW;
        if (field_width(f->encoding) != f->width || (f->encoding & 1) || type != (control ? 0 : 2))
            fail_msg("%s: %x", f->name, f->encoding);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(fields[j].encoding, f->encoding);
    }
}

static void whole_state_comes_back(void **state)
{
    struct vcpu_state in, out;
    (void)state;
    fill(&in, 0);
    vmx_write(&vcpu, GROUP_ALL, &in);
    read_all(&out);
    for (unsigned i = 0; i < FIELDS; i++)
        if (get(&out, &fields[i]) != get(&in, &fields[i]))
            fail_msg("%s", fields[i].name);
}

// Each field alone: it arrives where the manual has it, and nothing else moves in the VMCS or the state.
static void each_row_alone(void **state)
{
    static uint64_t before[FIELD_MAX];
    (void)state;
    for (unsigned i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        struct vcpu_state in, out;
        fill(&in, 0);
        vmx_write(&vcpu, GROUP_ALL, &in);
        memcpy(before, vmcs, sizeof(before));
        put(&in, f, ~get(&in, f));
        vmx_write(&vcpu, f->group, &in);
        if (f->encoding != NOWHERE)
            assert_int_equal(vmcs[f->encoding], get(&in, f));
        for (uint32_t at = 0; at < FIELD_MAX; at++)
            if (at != f->encoding && !is_derived(at) && before[at] != vmcs[at])
                fail_msg("%s changed the VMCS at 0x%x", f->name, at);
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
        vmx_write(&vcpu, GROUP_ALL, &a);
        vmx_write(&vcpu, group, &b);
        read_all(&out);
        for (unsigned i = 0; i < FIELDS; i++)
            assert_int_equal(get(&out, &fields[i]), get(fields[i].group == group ? &b : &a, &fields[i]));
        memset(&untouched, 0xa5, sizeof(untouched));
        out = untouched;
        vmx_read(&vcpu, group, &out);
        for (unsigned i = 0; i < FIELDS; i++)
            if (fields[i].group != group && get(&out, &fields[i]) != get(&untouched, &fields[i]))
                fail_msg("reading %x wrote %s", group, fields[i].name);
    }
}

static void access_rights(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.seg[SEG_CS].attributes = 0xa9b;
    s.seg[SEG_SS].attributes = 0x60; // null, at CPL 3
    vmx_write(&vcpu, GROUP_SEG_CODE, &s);
    assert_int_equal(vmcs[0x4816], 0xa09b);
    assert_int_equal(vmcs[0x4818], 0x10060);
    vmcs[0x4818] = 0x1c0f3; // what is not usable is not present
    vmx_read(&vcpu, GROUP_SEG_CODE, &s);
    assert_int_equal(s.seg[SEG_CS].attributes, 0xa9b);
    assert_int_equal(s.seg[SEG_SS].attributes, 0xc73);
}

// NE and VMXE are the processor's, CD and NW nobody's; TS and MP change without an exit.
static void the_guest_sees_its_own_control_registers(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.cr0 = CR0_PE | CR0_ET | CR0_CD | CR0_NW | CR0_TS;
    s.cr4 = CR4_PAE;
    vmx_write(&vcpu, GROUP_CR, &s);
    assert_int_equal(vmcs[VMCS_CR0], CR0_PE | CR0_ET | CR0_NE | CR0_TS);
    assert_int_equal(vmcs[VMCS_CR4], CR4_PAE | CR4_VMXE);
    assert_int_equal(vmcs[VMCS_CR0_SHADOW], s.cr0);
    assert_int_equal(vmcs[VMCS_CR4_SHADOW], s.cr4);
    vmcs[VMCS_CR0] ^= CR0_TS | CR0_MP;
    vmx_read(&vcpu, GROUP_CR, &s);
    assert_int_equal(s.cr0, CR0_PE | CR0_ET | CR0_CD | CR0_NW | CR0_MP);
    assert_int_equal(s.cr4, CR4_PAE);
}

static void the_task_priority_is_where_the_cpu_looks(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.cr8 = 5;
    vmx_write(&vcpu, GROUP_CR, &s);
    assert_int_equal(((uint8_t *)&hw)[PAGE_SIZE + 0x80], 0x50);
}

// [SDM] 3C 27.3.2.4: they are fields where PAE paging is on, and long mode is not.
static void page_directory_pointers(void **state)
{
    struct vcpu_state s = virt_reset_state, out;
    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        s.pdpte[i] = (i + 5) << 12 | 1;
    s.cr4 = CR4_PAE;
    vmx_write(&vcpu, GROUP_CR | GROUP_EFER, &s);
    assert_int_equal(vmcs[0x280a], 0);
    s.cr0 |= CR0_PE | CR0_PG;
    s.efer = EFER_LME | EFER_LMA;
    vmx_write(&vcpu, GROUP_CR | GROUP_EFER, &s);
    assert_int_equal(vmcs[0x280a], 0);
    s.efer = 0;
    vmx_write(&vcpu, GROUP_CR | GROUP_EFER, &s);
    assert_int_equal(vmcs[0x280a], 0x5001);
    assert_int_equal(vmcs[0x2810], 0x8001);
    vmcs[0x280c] = 0x9001; // by a MOV to CR3
    vmx_read(&vcpu, GROUP_CR, &out);
    assert_int_equal(out.pdpte[0], 0x5001);
    assert_int_equal(out.pdpte[1], 0x9001);
}

static void entry_is_told_the_mode(void **state)
{
    struct vcpu_state s = virt_reset_state;
    (void)state;
    s.efer = EFER_LME;
    vmx_write(&vcpu, GROUP_EFER, &s);
    assert_false(vmcs[VMCS_ENTRY] & ENTRY_LONG_MODE);
    s.efer |= EFER_LMA;
    vmx_write(&vcpu, GROUP_EFER, &s);
    assert_true(vmcs[VMCS_ENTRY] & ENTRY_LONG_MODE);
}

static void blocking_comes_back(void **state)
{
    static const struct {
        uint32_t blocking, field;
    } cases[] = {{0, 0},
                 {BLOCKING_STI, 1},
                 {BLOCKING_MOV_SS, 2},
                 {BLOCKING_NMI, 8},
                 {BLOCKING_NMI | BLOCKING_MOV_SS, 10}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vcpu_state s = virt_reset_state;
        s.blocking = cases[i].blocking;
        vmx_write(&vcpu, GROUP_RIP, &s);
        assert_int_equal(vmcs[VMCS_BLOCKING], cases[i].field);
        assert_int_equal(vmcs[VMCS_PENDING_DEBUG], 0);
        s.rflags |= RFLAGS_TF;
        vmx_write(&vcpu, GROUP_RIP, &s);
        assert_int_equal(vmcs[VMCS_PENDING_DEBUG], (cases[i].field & 3) ? 0x4000 : 0); // [SDM] 3C 27.3.1.5
        read_all(&s);
        assert_int_equal(s.blocking, cases[i].blocking);
    }
}

static void modes_flush(void **state)
{
    static const uint32_t flushing = GROUP_CR | GROUP_EFER | GROUP_MSR;
    (void)state;
    for (uint32_t group = 1; group <= GROUP_EVENT; group <<= 1) {
        hw.era = 7;
        vmx_write(&vcpu, group, &virt_reset_state);
        assert_int_equal(hw.era, (group & flushing) ? 0 : 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_follow_the_rule),
        cmocka_unit_test_setup(whole_state_comes_back, setup),
        cmocka_unit_test_setup(each_row_alone, setup),
        cmocka_unit_test_setup(groups_are_apart, setup),
        cmocka_unit_test_setup(access_rights, setup),
        cmocka_unit_test_setup(the_guest_sees_its_own_control_registers, setup),
        cmocka_unit_test_setup(the_task_priority_is_where_the_cpu_looks, setup),
        cmocka_unit_test_setup(page_directory_pointers, setup),
        cmocka_unit_test_setup(entry_is_told_the_mode, setup),
        cmocka_unit_test_setup(blocking_comes_back, setup),
        cmocka_unit_test_setup(modes_flush, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
