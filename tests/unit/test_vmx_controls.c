// Which processors the VMX back-end serves, with which controls, and what it says of the others
// SPDX-License-Identifier: MIT
// LINK: kernel/virt/vmx_controls.c
//
// The capability MSRs are those of Bochs 2.7's models, as they were read there. (The kernel asks for XSAVE
// first, which the second and the third do not have.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/virt/vmx.h"

enum { FEATURES = 5, FEATURES_OFF = 1 };

#define BASIC     0xd810000000002b
#define PIN       0x7f00000016
#define PRIMARY   0xf7f9fffe04006172
#define EXIT_WORD 0x7fffff00036dfb
#define ENTRY     0xffff000011fb

struct model {
    const char *name;
    uint64_t basic, pin, primary, secondary, exit, entry, misc, cr4, ept;
    const char *missing;
};

static const struct model models[] = {
    {"core2_penryn_t9600", BASIC, 0x3f00000016, PRIMARY, 0x4100000000, 0x3ffff00036dfb, 0x3fff000011fb,
     0x401e0, 0x467ff, 0, "the CPU has VMX without EPT"},
    {"corei5_lynnfield_750", BASIC, PIN, PRIMARY, 0x7f00000000, EXIT_WORD, ENTRY, 0x401e0, 0x67ff,
     0xf0106114141, "the CPU has VMX without unrestricted guests"},
    {"corei5_arrandale_m520", BASIC, PIN, PRIMARY, 0xff00000000, EXIT_WORD, ENTRY, 0x401e0, 0x67ff,
     0xf0106114141, NULL},
    {"corei7_sandy_bridge_2600k", BASIC, PIN, PRIMARY, 0xff00000000, EXIT_WORD, ENTRY, 0x401e0, 0x627ff,
     0xf0106114141, NULL},
    {"corei7_ivy_bridge_3770k", BASIC, PIN, PRIMARY, 0x8ff00000000, EXIT_WORD, ENTRY, 0x401e0, 0x1727ff,
     0xf0106114141, NULL},
    {"corei7_haswell_4770", BASIC, PIN, PRIMARY, 0x47fff00000000, EXIT_WORD, ENTRY, 0x200401e0, 0x1727ff,
     0xf0106334141, NULL},
    {"broadwell_ult", BASIC, PIN, PRIMARY, 0x57fff00000000, EXIT_WORD, ENTRY, 0x200401e0, 0x3727ff,
     0xf0106334141, NULL},
    {"corei7_skylake_x", BASIC, PIN, PRIMARY, 0x2177fff00000000, EXIT_WORD, ENTRY, 0x600401e0, 0x3727ff,
     0xf0106334141, NULL},
    {"corei3_cnl", BASIC, PIN, PRIMARY, 0x2157cff00000000, EXIT_WORD, ENTRY, 0x600401e0, 0x772fff,
     0xf0106334141, NULL},
    {"corei7_icelake_u", 0xd8100000000004, PIN, 0xfff9fffe04006172, 0x2977fff00000000, EXIT_WORD, ENTRY,
     0x600401e0, 0x772fff, 0xf0106334141, NULL},
    {"tigerlake", 0x1d8100000000004, PIN, 0xfff9fffe04006172, 0x2977fff00000000, 0x107fffff00036dfb,
     0x10ffff000011fb, 0x600401e0, 0xf72fff, 0xf0106b34141, NULL},
};
enum { MODELS = sizeof(models) / sizeof(models[0]), HASWELL = 5 };

static uint64_t c[CAPABILITIES];
static struct vmx_set_up s;

static void load(const struct model *m)
{
    memset(c, 0, sizeof(c));
    c[CAP_BASIC] = m->basic;
    c[CAP_TRUE_WORDS] = m->pin;
    c[CAP_TRUE_WORDS + 1] = m->primary;
    c[CAP_TRUE_WORDS + 2] = m->exit;
    c[CAP_TRUE_WORDS + 3] = m->entry;
    c[CAP_SECONDARY] = m->secondary;
    c[CAP_MISC] = m->misc;
    c[CAP_CR0_FIXED0] = 0x80000021;
    c[CAP_CR4_FIXED0] = 0x2000;
    c[CAP_CR4_FIXED1] = m->cr4;
    c[CAP_EPT] = m->ept;
}

static void every_model(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        load(&models[i]);
        const char *missing = vmx_resolve(FEATURES, c, &s);
        if (models[i].missing ? !missing || strcmp(missing, models[i].missing) != 0 : missing != NULL)
            fail_msg("%s: %s", models[i].name, missing);
    }
}

// What the words became is within what the processor allows, and does what the back-end relies on.
static void words_are_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        const uint64_t allowed[WORDS] = {m->pin, m->primary, m->secondary, m->exit, m->entry};
        load(m);
        if (vmx_resolve(FEATURES, c, &s))
            continue;
        for (unsigned w = 0; w < WORDS; w++) {
            uint32_t forced = (uint32_t)allowed[w], possible = (uint32_t)(allowed[w] >> 32);
            if ((s.words[w] & ~possible) || (forced & ~s.words[w]))
                fail_msg("%s: word %u is %x", m->name, w, s.words[w]);
        }
        assert_int_equal(s.words[WORD_PRIMARY] & (PRIMARY_INTERRUPT_WINDOW | PRIMARY_NMI_WINDOW), 0);
        assert_int_equal(s.words[WORD_ENTRY] & ENTRY_LONG_MODE, 0);
    }
}

static void haswell_in_full(void **state)
{
    (void)state;
    load(&models[HASWELL]);
    assert_null(vmx_resolve(FEATURES, c, &s));
    assert_int_equal(s.words[WORD_PIN], 0x7f);
    assert_int_equal(s.words[WORD_PRIMARY], 0xb5a86dfa); // CR3 is the guest's
    assert_int_equal(s.words[WORD_SECONDARY], 0xe2);     // EPT, VPID, WBINVD, unrestricted
    assert_int_equal(s.words[WORD_EXIT], 0x3f6ffb);
    assert_int_equal(s.words[WORD_ENTRY], 0xd1ff);
    assert_int_equal(s.revision, 0x2b);
    assert_int_equal(s.timer_shift, 0);
    assert_int_equal(s.cr0, CR0_NE);
    assert_int_equal(s.cr4, CR4_VMXE);
    assert_int_equal(s.flush_ept, FLUSH_SINGLE);
    assert_int_equal(s.eptp, 0x5e); // write-back, four levels, accessed and dirty
}

// Haswell with one capability taken away.
static void one_line_for_each_that_is_missing(void **state)
{
    static const struct {
        unsigned msr, bit;
        const char *missing;
    } cases[] = {
        {CAP_TRUE_WORDS + 1, 63, "the CPU has VMX without EPT"},
        {CAP_SECONDARY, 33, "the CPU has VMX without EPT"},
        {CAP_SECONDARY, 39, "the CPU has VMX without unrestricted guests"},
        {CAP_TRUE_WORDS, 38, "the CPU has VMX without the preemption timer"},
        {CAP_TRUE_WORDS, 37, "the CPU has VMX without virtual NMIs"},
        {CAP_TRUE_WORDS, 32, "the CPU has VMX that cannot intercept interrupts"},
        {CAP_TRUE_WORDS + 1, 60, "the CPU has VMX that cannot intercept what it must, and that alone"},
        {CAP_TRUE_WORDS + 2, 53, "the CPU has VMX that does not switch PAT and EFER"},
        {CAP_TRUE_WORDS + 3, 47, "the CPU has VMX that does not switch PAT and EFER"},
        {CAP_EPT, 16, "the CPU has EPT without 2 MiB pages, write-back memory or INVEPT"},
        {CAP_EPT, 20, "the CPU has EPT without 2 MiB pages, write-back memory or INVEPT"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        load(&models[HASWELL]);
        c[cases[i].msr] &= ~(UINT64_C(1) << cases[i].bit);
        assert_string_equal(vmx_resolve(FEATURES, c, &s), cases[i].missing);
    }
    load(&models[HASWELL]);
    assert_string_equal(vmx_resolve(FEATURES_OFF, c, &s), "VMX is locked off by the firmware");
    assert_null(vmx_resolve(0, c, &s)); // not locked: it is switched on
}

// Without the MSRs that tell more, MOV to CR3 cannot be left to the guest.
static void old_capabilities_force_too_much(void **state)
{
    (void)state;
    load(&models[HASWELL]);
    memcpy(&c[CAP_WORDS], &c[CAP_TRUE_WORDS], 4 * sizeof(c[0]));
    c[CAP_WORDS + 1] |= 0x0401e172;
    c[CAP_BASIC] &= ~BASIC_TRUE_WORDS;
    assert_string_equal(vmx_resolve(FEATURES, c, &s),
                        "the CPU has VMX that cannot intercept what it must, and that alone");
}

static void what_can_be_done_without(void **state)
{
    (void)state;
    load(&models[HASWELL]);
    c[CAP_SECONDARY] &= ~(UINT64_C(1) << 37 | UINT64_C(1) << 38); // VPID, WBINVD
    assert_null(vmx_resolve(FEATURES, c, &s));
    assert_int_equal(s.words[WORD_SECONDARY], 0x82);
    load(&models[HASWELL]);
    c[CAP_EPT] &= ~(UINT64_C(1) << 42 | UINT64_C(1) << 25 | UINT64_C(1) << 21);
    assert_null(vmx_resolve(FEATURES, c, &s));
    assert_false(s.words[WORD_SECONDARY] & SECONDARY_VPID); // it could not be flushed
    assert_int_equal(s.flush_ept, FLUSH_ALL);
    assert_int_equal(s.eptp, 0x1e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model),
        cmocka_unit_test(words_are_allowed),
        cmocka_unit_test(haswell_in_full),
        cmocka_unit_test(one_line_for_each_that_is_missing),
        cmocka_unit_test(old_capabilities_force_too_much),
        cmocka_unit_test(what_can_be_done_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
