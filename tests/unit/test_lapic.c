// Local APIC: priorities, timer modes, x2APIC faults, destinations, late acceptance
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/irq/lapic.h"

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    APR = 0x90,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    CMCI = 0x2f0,
    ICR = 0x300,
    ICR2 = 0x310,
    TIMER = 0x320,
    THERMAL = 0x330,
    PERF = 0x340,
    LINT0 = 0x350,
    LINT1 = 0x360,
    ERROR = 0x370,
    INITIAL = 0x380,
    COUNT = 0x390,
    DIVIDE = 0x3e0,
    SELF_IPI = 0x3f0,
};
enum { BY_1 = 0xb, BY_2 = 0, BY_16 = 3, BY_128 = 0xa };
enum { ENABLE_X2 = LAPIC_BASE_ENABLE | LAPIC_BASE_X2, ALL_FEATURES = LAPIC_X2APIC | LAPIC_TSC_DEADLINE };

static struct lapic l;
static struct vclock now;

static void power_up(uint32_t id, uint8_t features)
{
    lapic_power_up(&l, &(struct lapic_config){.id = id, .features = features, .phys_bits = 40});
}

static struct lapic_effect put(uint32_t offset, uint32_t value)
{
    return lapic_mmio_write(&l, offset, 4, value, now);
}

static uint32_t get(uint32_t offset)
{
    return (uint32_t)lapic_mmio_read(&l, offset, 4, now);
}

static bool wrmsr(uint32_t msr, uint64_t value)
{
    struct lapic_effect effect;

    return lapic_msr_write(&l, msr, value, now, &effect);
}

static bool rdmsr(uint32_t msr, uint64_t *value)
{
    return lapic_msr_read(&l, msr, value, now);
}

static uint64_t msr(uint32_t index)
{
    uint64_t value = ~0ull;

    assert_true(rdmsr(index, &value));
    return value;
}

#define X2(offset) (MSR_X2APIC + (offset) / 16)

static int setup(void **state)
{
    (void)state;
    now = (struct vclock){.ns = 1000000, .tsc = 5000000};
    power_up(3, ALL_FEATURES);
    put(SVR, 0x1ff);
    return 0;
}

static int setup_x2(void **state)
{
    setup(state);
    power_up(0x23, ALL_FEATURES);
    assert_true(wrmsr(MSR_APIC_BASE, LAPIC_PAGE | ENABLE_X2));
    assert_true(wrmsr(X2(SVR), 0x1ff));
    return 0;
}

// Offer and have it taken, as the processor does when nothing holds it back.
static uint8_t deliver(void)
{
    const uint8_t vector = lapic_highest(&l);

    if (vector != LAPIC_NONE) {
        lapic_offer(&l, vector);
        lapic_accept(&l, vector);
    }
    return vector;
}

static void power_up_values(void **state)
{
    (void)state;
    power_up(3, ALL_FEATURES);
    assert_int_equal(get(ID), 3u << 24);
    assert_int_equal(get(VERSION), 0x00050014);
    assert_int_equal(get(DFR), 0xffffffff);
    assert_int_equal(get(SVR), 0xff);
    for (uint32_t lvt = TIMER; lvt <= ERROR; lvt += 0x10)
        assert_int_equal(get(lvt), LVT_MASKED);
    for (uint32_t reg = ISR; reg < ESR; reg += 0x10)
        assert_int_equal(get(reg), 0);
    assert_int_equal(msr(MSR_APIC_BASE), LAPIC_PAGE | LAPIC_BASE_ENABLE);
}

static void init_keeps_id_and_mode(void **state)
{
    setup_x2(state);
    wrmsr(X2(TPR), 0x40);
    lapic_receive(&l, 0x55, false);
    lapic_init_signal(&l);
    assert_int_equal(msr(X2(ID)), 0x23);
    assert_int_equal(msr(X2(TPR)), 0);
    assert_int_equal(msr(X2(SVR)), 0xff);
    assert_int_equal(msr(X2(IRR + 0x20)), 0);

    setup(state);
    put(ID, 9u << 24);
    lapic_init_signal(&l);
    assert_int_equal(get(ID), 9u << 24);
}

static void highest_priority_first(void **state)
{
    (void)state;
    lapic_receive(&l, 0x31, false);
    lapic_receive(&l, 0xf1, false);
    lapic_receive(&l, 0x41, false);
    assert_int_equal(deliver(), 0xf1);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE); // 0x41 is below what is served
    put(EOI, 0);
    assert_int_equal(deliver(), 0x41);
    put(EOI, 0);
    assert_int_equal(deliver(), 0x31);
}

static void nesting_ends_in_order(void **state)
{
    (void)state;
    lapic_receive(&l, 0x51, false);
    deliver();
    lapic_receive(&l, 0x5f, false); // same class: waits
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    lapic_receive(&l, 0x60, false);
    assert_int_equal(deliver(), 0x60);
    assert_int_equal(get(PPR), 0x60);
    put(EOI, 0); // ends 0x60, not 0x51
    assert_int_equal(get(ISR + 0x20), 1u << 17);
    assert_int_equal(get(PPR), 0x50);
}

static void tpr_masks_its_class(void **state)
{
    (void)state;
    put(TPR, 0x45);
    lapic_receive(&l, 0x4f, false);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    assert_int_equal(lapic_tpr_threshold(&l), 4);
    assert_int_equal(get(PPR), 0x45);
    lapic_receive(&l, 0x50, false);
    assert_int_equal(lapic_highest(&l), 0x50);
    assert_int_equal(lapic_tpr_threshold(&l), 0);
    deliver();
    assert_int_equal(get(PPR), 0x50);             // served class above the task's: sub-class 0
    assert_int_equal(lapic_tpr_threshold(&l), 0); // 0x4f is held back by the service as well
    put(EOI, 0);
    lapic_set_cr8(&l, 3);
    assert_int_equal(get(TPR), 0x30);
    assert_int_equal(lapic_highest(&l), 0x4f);
}

static void cr8_is_tpr(void **state)
{
    (void)state;
    put(TPR, 0xa7);
    assert_int_equal(lapic_cr8(&l), 0xa);
    lapic_set_cr8(&l, 0xa); // came back unchanged with an exit: the sub-class stays
    assert_int_equal(get(TPR), 0xa7);
    lapic_set_cr8(&l, 0xb);
    assert_int_equal(get(TPR), 0xb0);
}

static void arbitration_priority(void **state)
{
    (void)state;
    put(TPR, 0x63);
    assert_int_equal(get(APR), 0x63);
    lapic_receive(&l, 0x81, false);
    assert_int_equal(get(APR), 0x80);
    deliver();
    assert_int_equal(get(APR), 0x60 & 0x80);
}

static void disabled_by_software(void **state)
{
    (void)state;
    lapic_receive(&l, 0x55, false);
    put(LINT0, IRQ_EXTINT << 8);
    put(SVR, 0xff);
    assert_int_equal(get(LINT0), LVT_MASKED | IRQ_EXTINT << 8);
    put(ERROR, 0x33);
    assert_int_equal(get(ERROR), LVT_MASKED | 0x33); // cannot be unmasked now
    assert_false(lapic_receive(&l, 0x66, false));
    assert_int_equal(lapic_highest(&l), 0x55); // what was accepted is still delivered
    put(SVR, 0x1ff);
    assert_int_equal(get(LINT0), LVT_MASKED | IRQ_EXTINT << 8); // enabling unmasks nothing
}

static void level_eoi_is_announced(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, true);
    lapic_receive(&l, 0x52, false);
    assert_int_equal(get(TMR + 0x30), 1u << 1);
    deliver();
    assert_int_equal(put(EOI, 7).eoi, 0x61);
    deliver();
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE);
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE); // nothing in service
    lapic_receive(&l, 0x61, false);                // TMR follows the last message
    assert_int_equal(get(TMR + 0x30), 0);
}

static void eoi_broadcast_suppression(void **state)
{
    (void)state;
    put(SVR, 0x11ff);
    assert_int_equal(get(SVR), 0x1ff); // not offered: the bit does not stick
    power_up(0, LAPIC_EOI_SUPPRESS);
    assert_int_equal(get(VERSION), 0x01050014);
    put(SVR, 0x11ff);
    assert_int_equal(get(SVR), 0x11ff);
    lapic_receive(&l, 0x61, true);
    deliver();
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE);
}

static void edge_after_the_take_is_not_lost(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, false);
    lapic_offer(&l, 0x61);
    assert_true(lapic_receive(&l, 0x61, false)); // the processor may have taken it: look
    lapic_accept(&l, 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
}

static void edge_before_the_take_merges(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, false);
    lapic_offer(&l, 0x61);
    lapic_receive(&l, 0x61, false);
    lapic_withdraw(&l); // it was not taken
    assert_int_equal(deliver(), 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
}

static void pv_eoi_only_for_a_lone_edge(void **state)
{
    (void)state;
    assert_false(lapic_eoi_skippable(&l));
    lapic_receive(&l, 0x61, false);
    assert_false(lapic_eoi_skippable(&l)); // waiting, not offered
    lapic_offer(&l, 0x61);
    assert_true(lapic_eoi_skippable(&l));
    lapic_receive(&l, 0x61, false); // raised again: its EOI must be seen
    assert_false(lapic_eoi_skippable(&l));
    lapic_withdraw(&l);
    deliver();
    assert_true(lapic_eoi_skippable(&l));
    lapic_receive(&l, 0x31, false); // an EOI would release it
    assert_false(lapic_eoi_skippable(&l));
    assert_int_equal(lapic_eoi(&l).eoi, LAPIC_NONE);
    deliver();
    assert_true(lapic_eoi_skippable(&l));
    lapic_receive(&l, 0x71, false);
    lapic_offer(&l, 0x71); // would nest: the flag could be used for 0x31
    assert_false(lapic_eoi_skippable(&l));
    lapic_eoi(&l);
    lapic_accept(&l, 0x71);
    lapic_eoi(&l);
    lapic_receive(&l, 0x41, true);
    deliver();
    assert_false(lapic_eoi_skippable(&l)); // the IOAPIC waits for it
}

static void errors_latch_at_a_write(void **state)
{
    (void)state;
    put(ERROR, 0xe1);
    put(ICR, 0x0f); // fixed, vector 15
    assert_int_equal(get(ESR), 0);
    assert_int_equal(deliver(), 0xe1);
    put(EOI, 0);
    lapic_receive(&l, 3, false);
    assert_int_equal(deliver(), LAPIC_NONE); // not rearmed yet
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_SEND_VECTOR | ESR_RECEIVE_VECTOR);
    get(CMCI);
    assert_int_equal(deliver(), 0xe1);
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER);
    put(ESR, 0);
    assert_int_equal(get(ESR), 0);
}

static void error_vector_may_be_illegal_itself(void **state)
{
    (void)state;
    put(ERROR, 0x05);
    put(0x3f0, 1); // no such register in xAPIC mode
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER | ESR_RECEIVE_VECTOR);
}

static void access_sizes(void **state)
{
    (void)state;
    put(INITIAL, 0);
    put(TPR, 0x9c);
    assert_int_equal(lapic_mmio_read(&l, TPR, 1, now), 0x9c);
    assert_int_equal(lapic_mmio_read(&l, VERSION + 2, 1, now), 5);
    assert_int_equal(lapic_mmio_read(&l, VERSION, 2, now), 0x14);
    assert_int_equal(lapic_mmio_read(&l, VERSION, 8, now), 0x00050014);
    assert_int_equal(lapic_mmio_read(&l, VERSION + 4, 4, now), 0);
    lapic_mmio_write(&l, TPR, 1, 0x11, now);
    lapic_mmio_write(&l, TPR, 8, 0x11, now);
    lapic_mmio_write(&l, TPR + 4, 4, 0x11, now);
    assert_int_equal(get(TPR), 0x9c);
    put(VERSION, 0x1234); // read-only: no error
    put(ESR, 0);
    assert_int_equal(get(ESR), 0);
}

static void writable_bits(void **state)
{
    (void)state;
    static const struct {
        uint32_t reg, bits;
    } row[] = {
        {ID, 0xff000000},   {TPR, 0xff},        {LDR, 0xff000000},        {SVR, 0x3ff},     {TIMER, 0x700ff},
        {THERMAL, 0x107ff}, {PERF, 0x107ff},    {LINT0, 0x1a7ff},         {LINT1, 0x1a7ff}, {ERROR, 0x100ff},
        {DIVIDE, 0xb},      {ICR2, 0xff000000}, {ICR, 0xccfff & ~0x1000},
    };

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        put(row[i].reg, 0xffffffff);
        assert_int_equal(get(row[i].reg), row[i].bits);
    }
    put(DFR, 0);
    assert_int_equal(get(DFR), 0x0fffffff);
}

static void timer_one_shot(void **state)
{
    (void)state;
    put(TIMER, 0xee);
    put(DIVIDE, BY_16);
    put(INITIAL, 1000);
    assert_int_equal(get(COUNT), 1000);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NS);
    assert_int_equal(lapic_deadline(&l).when, now.ns + 16000);
    now.ns += 15;
    assert_int_equal(get(COUNT), 1000);
    now.ns += 1;
    assert_int_equal(get(COUNT), 999);
    now.ns += 15983;
    assert_int_equal(get(COUNT), 1);
    assert_false(lapic_advance(&l, now));
    now.ns += 1;
    assert_true(lapic_advance(&l, now));
    assert_int_equal(get(COUNT), 0);
    assert_int_equal(get(INITIAL), 1000);
    assert_int_equal(deliver(), 0xee);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    put(TIMER, 0xee | LVT_PERIODIC); // counts no further: nothing is loaded at zero
    now.ns += 1000000;
    assert_int_equal(get(COUNT), 0);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
}

static void timer_periodic_does_not_drift(void **state)
{
    (void)state;
    const uint64_t start = now.ns;

    put(TIMER, 0xee | LVT_PERIODIC);
    put(DIVIDE, BY_2);
    put(INITIAL, 500);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(lapic_deadline(&l).when, start + i * 1000);
        now.ns = start + i * 1000 + i % 7 * 100; // always a bit late
        assert_true(lapic_advance(&l, now));
        assert_int_equal(deliver(), 0xee);
        put(EOI, 0);
    }
    now.ns = start + 1234567; // 234 periods missed: one interrupt, and the phase is kept
    assert_true(lapic_advance(&l, now));
    assert_false(lapic_advance(&l, now));
    assert_int_equal(lapic_deadline(&l).when, start + 1235000);
    assert_int_equal(get(COUNT), 217);
    now.ns = start + 1235000; // exactly at the expiry a new period starts
    assert_int_equal(get(COUNT), 500);
}

static void timer_count_continues_over_changes(void **state)
{
    (void)state;
    put(TIMER, 0xee);
    put(DIVIDE, BY_2);
    put(INITIAL, 1000);
    now.ns += 600;
    put(TIMER, 0xee | LVT_PERIODIC);
    assert_int_equal(get(COUNT), 700);
    put(DIVIDE, BY_128);
    assert_int_equal(get(COUNT), 700);
    assert_int_equal(lapic_deadline(&l).when, now.ns + 700 * 128);
    now.ns += 700 * 128;
    assert_int_equal(get(COUNT), 1000);
    assert_int_equal(lapic_deadline(&l).when, now.ns + 1000 * 128);
    put(INITIAL, 77); // a write restarts
    assert_int_equal(get(COUNT), 77);
    put(INITIAL, 0); // and zero stops
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    assert_int_equal(get(COUNT), 0);
}

static void timer_divisors(void **state)
{
    (void)state;
    static const struct {
        uint32_t code, divisor;
    } row[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};

    put(TIMER, 0xee);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        put(DIVIDE, row[i].code);
        put(INITIAL, UINT32_MAX);
        assert_int_equal(lapic_deadline(&l).when, now.ns + (uint64_t)UINT32_MAX * row[i].divisor);
    }
}

static void timer_masked_expiry_is_lost(void **state)
{
    (void)state;
    put(TIMER, 0xee | LVT_MASKED);
    put(DIVIDE, BY_1);
    put(INITIAL, 100);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    now.ns += 50;
    assert_int_equal(get(COUNT), 50);
    now.ns += 100;
    put(TIMER, 0xee);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    put(INITIAL, 100);
    now.ns += 100;
    put(SVR, 0xff); // expired before the write that masks it
    assert_int_equal(lapic_highest(&l), 0xee);
}

static void deadline_fires_once_and_reads_zero(void **state)
{
    (void)state;
    put(TIMER, 0xef | LVT_DEADLINE);
    assert_true(wrmsr(MSR_TSC_DEADLINE, now.tsc + 100));
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_TSC);
    assert_int_equal(lapic_deadline(&l).when, now.tsc + 100);
    now.tsc += 99;
    assert_int_equal(msr(MSR_TSC_DEADLINE), now.tsc + 1);
    assert_false(lapic_advance(&l, now));
    now.tsc += 1;
    assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
    assert_int_equal(deliver(), 0xef);
    assert_false(lapic_advance(&l, now));
    put(EOI, 0);
    wrmsr(MSR_TSC_DEADLINE, 1); // long past: at once
    assert_int_equal(deliver(), 0xef);
    assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
}

static void deadline_zero_disarms(void **state)
{
    (void)state;
    put(TIMER, 0xef | LVT_DEADLINE);
    wrmsr(MSR_TSC_DEADLINE, now.tsc + 100);
    wrmsr(MSR_TSC_DEADLINE, 0);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    now.tsc += 1000;
    assert_false(lapic_advance(&l, now));
}

static void deadline_mode_switches_disarm(void **state)
{
    (void)state;
    wrmsr(MSR_TSC_DEADLINE, now.tsc + 100); // one-shot mode: ignored
    assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
    put(TIMER, 0xee);
    put(INITIAL, 100);
    put(TIMER, 0xee | LVT_DEADLINE);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    put(INITIAL, 100); // ignored
    assert_int_equal(get(COUNT), 0);
    wrmsr(MSR_TSC_DEADLINE, now.tsc + 100);
    put(TIMER, 0x44 | LVT_DEADLINE); // a new vector only
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_TSC);
    put(TIMER, 0x44 | LVT_PERIODIC);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    put(TIMER, 0x44 | LVT_DEADLINE);
    assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
}

static void deadline_masked_expires_silently(void **state)
{
    (void)state;
    put(TIMER, 0xef | LVT_DEADLINE | LVT_MASKED);
    wrmsr(MSR_TSC_DEADLINE, now.tsc + 100);
    now.tsc += 100;
    put(TIMER, 0xef | LVT_DEADLINE);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
}

static void deadline_absent(void **state)
{
    uint64_t value;

    (void)state;
    power_up(0, 0);
    put(SVR, 0x1ff);
    put(TIMER, 0xef | LVT_DEADLINE);
    assert_int_equal(get(TIMER), 0xef);
    assert_false(rdmsr(MSR_TSC_DEADLINE, &value));
    assert_false(wrmsr(MSR_TSC_DEADLINE, 1));
}

static void base_transitions(void **state)
{
    enum { OFF, INVALID, ON, X };
    static const uint64_t mode[] = {0, LAPIC_BASE_X2, LAPIC_BASE_ENABLE, ENABLE_X2};
    static const bool allowed[4][4] = {
        [OFF] = {[OFF] = true, [ON] = true},
        [ON] = {[OFF] = true, [ON] = true, [X] = true},
        [X] = {[OFF] = true, [X] = true},
    };

    (void)state;
    for (int from = OFF; from <= X; from++) {
        for (int to = OFF; to <= X; to++) {
            if (from == INVALID)
                continue;
            power_up(3, ALL_FEATURES);
            assert_true(wrmsr(MSR_APIC_BASE, LAPIC_PAGE | mode[from]));
            assert_int_equal(wrmsr(MSR_APIC_BASE, LAPIC_PAGE | mode[to]), allowed[from][to]);
            assert_int_equal(msr(MSR_APIC_BASE), LAPIC_PAGE | mode[allowed[from][to] ? to : from]);
        }
    }
}

static void base_reserved_bits(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const bool reserved = bit < 8 || bit == 9 || bit >= 40;

        if (bit == 10 || bit == 11)
            continue;
        power_up(3, ALL_FEATURES);
        assert_int_equal(wrmsr(MSR_APIC_BASE, (LAPIC_PAGE ^ 1ull << bit) | LAPIC_BASE_ENABLE), !reserved);
    }
    power_up(3, 0);
    assert_false(wrmsr(MSR_APIC_BASE, LAPIC_PAGE | ENABLE_X2));
}

static void page_moves_and_vanishes(void **state)
{
    (void)state;
    assert_true(lapic_owns(&l, 0xfee00ff0));
    assert_true(wrmsr(MSR_APIC_BASE, 0xfed40000 | LAPIC_BASE_ENABLE));
    assert_false(lapic_owns(&l, 0xfee00000));
    assert_true(lapic_owns(&l, 0xfed40030));
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE | ENABLE_X2);
    assert_false(lapic_owns(&l, 0xfee00000));
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE);
    assert_false(lapic_owns(&l, 0xfee00000));
}

static void disabled_by_hardware(void **state)
{
    (void)state;
    put(ID, 9u << 24);
    lapic_receive(&l, 0x55, false);
    put(TIMER, 0xee);
    put(INITIAL, 100);
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    assert_int_equal(lapic_deadline(&l).clock, LAPIC_CLOCK_NONE);
    assert_false(lapic_matches(&l, IRQ_BROADCAST, false));
    lapic_set_cr8(&l, 0xf);
    assert_int_equal(lapic_cr8(&l), 0xf);
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_NMI); // the pins are the processor's own
    lapic_pin(&l, 0, true);
    assert_true(lapic_extint(&l));
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE | LAPIC_BASE_ENABLE);
    assert_int_equal(get(ID), 3u << 24);
    assert_int_equal(get(TPR), 0xf0);
    assert_false(lapic_extint(&l)); // LINT0 is masked now
}

static void x2apic_register_map(void **state)
{
    static const char *const access = // r, w, b(oth) or . for #GP, by MSR from 0x800
        "..rr....b.rw.r.brrrrrrrrrrrrrrrrrrrrrrrrb.......b.bbbbbbbr....bw";

    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        uint64_t value;
        const char a = access[i];

        assert_int_equal(rdmsr(MSR_X2APIC + i, &value), a == 'r' || a == 'b');
        if (i != 0x3f) // vector 0 would be an error
            assert_int_equal(wrmsr(MSR_X2APIC + i, 0), a == 'w' || a == 'b');
    }
    for (uint32_t i = 64; i < 256; i++)
        assert_false(wrmsr(MSR_X2APIC + i, 0));
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE);
    assert_false(wrmsr(X2(TPR), 0));
}

static void x2apic_reserved_bits(void **state)
{
    static const struct {
        uint32_t reg;
        uint64_t bits;
    } row[] = {
        {TPR, 0xff},      {EOI, 0},
        {SVR, 0x3ff},     {ESR, 0},
        {TIMER, 0x710ff}, {THERMAL, 0x117ff},
        {PERF, 0x117ff},  {LINT0, 0x1f7ff},
        {LINT1, 0x1f7ff}, {ERROR, 0x110ff},
        {INITIAL, ~0u},   {DIVIDE, 0xb},
        {SELF_IPI, 0xff}, {ICR, 0xffffffff000cdfff},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            setup_x2(NULL);
            assert_int_equal(wrmsr(X2(row[i].reg), 1ull << bit), row[i].bits >> bit & 1);
        }
    }
}

static void x2apic_identity(void **state)
{
    (void)state;
    assert_int_equal(msr(X2(ID)), 0x23);
    assert_int_equal(msr(X2(LDR)), 2u << 16 | 1u << 3);
    assert_true(wrmsr(X2(ICR), 0x12345678000000ffull | 3 << 18));
    assert_int_equal(msr(X2(ICR)), 0x12345678000c00ffull);
}

static struct lapic_effect x2_icr(uint64_t icr)
{
    struct lapic_effect effect;

    assert_true(lapic_msr_write(&l, X2(ICR), icr, now, &effect));
    return effect;
}

static void icr_makes_messages(void **state)
{
    struct lapic_effect e;

    setup(state);
    put(ICR2, 5u << 24);
    e = put(ICR, 0x4041);
    assert_true(e.sent);
    assert_int_equal(e.ipi.dest, 5);
    assert_int_equal(e.ipi.vector, 0x41);
    assert_false(e.ipi.logical);
    put(ICR2, 0xff000000);
    e = put(ICR, ICR_LOGICAL | IRQ_LOWEST << 8 | 0x41);
    assert_int_equal(e.ipi.dest, IRQ_BROADCAST);
    assert_true(e.ipi.logical);
    assert_int_equal(e.ipi.delivery, IRQ_LOWEST);
    assert_int_equal(put(ICR, 0x40000 | 0x41).ipi.shorthand, IRQ_SELF);
    assert_false(put(ICR, 0x8500).sent); // INIT level de-assert
    assert_true(put(ICR, 0xc500).sent);
    assert_true(put(ICR, 0x500).sent);
    assert_false(put(ICR, 0x80500).sent); // INIT to all including oneself
    assert_false(put(ICR, 0x40699).sent); // SIPI to oneself
    assert_true(put(ICR, 0xc0699).sent);
    assert_true(put(ICR, 0xc0400).sent);
    assert_false(put(ICR, 0x320).sent); // reserved modes
    assert_false(put(ICR, 0x720).sent);
    assert_false(put(ICR, 0x10f).sent); // lowest priority, vector 15

    setup_x2(state);
    e = x2_icr(0x000000ff00000041);
    assert_int_equal(e.ipi.dest, 0xff); // no broadcast here
    assert_int_equal(x2_icr(0xffffffff00000041).ipi.dest, IRQ_BROADCAST);
    assert_true(lapic_msr_write(&l, X2(SELF_IPI), 0x77, now, &e));
    assert_true(e.sent);
    assert_int_equal(e.ipi.shorthand, IRQ_SELF);
    assert_int_equal(e.ipi.vector, 0x77);
    assert_true(lapic_msr_write(&l, X2(SELF_IPI), 0x0f, now, &e));
    assert_false(e.sent);
    assert_true(wrmsr(X2(ESR), 0));
    assert_int_equal(msr(X2(ESR)), ESR_SEND_VECTOR);
}

static void xapic_destinations(void **state)
{
    (void)state;
    assert_true(lapic_matches(&l, 3, false));
    assert_false(lapic_matches(&l, 4, false));
    assert_false(lapic_matches(&l, 0x103, false));
    assert_true(lapic_matches(&l, IRQ_BROADCAST, false));
    assert_false(lapic_matches(&l, 3, true)); // LDR 0
    assert_true(lapic_matches(&l, IRQ_BROADCAST, true));
    put(LDR, 0x21u << 24); // flat: any common bit
    assert_true(lapic_matches(&l, 0x20, true));
    assert_true(lapic_matches(&l, 0x1f, true));
    assert_false(lapic_matches(&l, 0xde, true));
    put(DFR, 0); // cluster 2, member 0
    assert_true(lapic_matches(&l, 0x23, true));
    assert_false(lapic_matches(&l, 0x22, true));
    assert_false(lapic_matches(&l, 0x31, true));
    put(DFR, 0x50000000); // neither model
    assert_false(lapic_matches(&l, 0x21, true));
}

static void x2apic_destinations(void **state)
{
    (void)state; // ID 0x23: cluster 2, member 3
    assert_true(lapic_matches(&l, 0x23, false));
    assert_false(lapic_matches(&l, 0xff, false));
    assert_true(lapic_matches(&l, 0x00020008, true));
    assert_true(lapic_matches(&l, 0x0002ffff, true));
    assert_false(lapic_matches(&l, 0x0002fff7, true));
    assert_false(lapic_matches(&l, 0x00030008, true));
    assert_true(lapic_matches(&l, IRQ_BROADCAST, true));
}

static void pin_modes(void **state)
{
    (void)state;
    put(LINT1, IRQ_NMI << 8 | LVT_LEVEL); // NMI is an edge whatever the trigger bit says
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_NMI);
    assert_int_equal(lapic_pin(&l, 1, true), 0);
    lapic_pin(&l, 1, false);
    put(LINT1, IRQ_INIT << 8);
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_INIT);
    lapic_pin(&l, 1, false);
    put(LINT1, IRQ_SMI << 8);
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_SMI);
    lapic_pin(&l, 1, false);
    put(LINT1, 3 << 8);
    assert_int_equal(lapic_pin(&l, 1, true), 0);
    put(LINT0, 0x51); // fixed, edge
    lapic_pin(&l, 0, true);
    assert_int_equal(deliver(), 0x51);
    lapic_pin(&l, 0, true);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
    put(LINT0, IRQ_EXTINT << 8);
    assert_true(lapic_extint(&l));
    lapic_pin(&l, 0, false);
    assert_false(lapic_extint(&l));
}

static void level_pin_comes_again_after_eoi(void **state)
{
    (void)state;
    lapic_pin(&l, 0, true);
    put(LINT0, LVT_LEVEL | 0x51); // unmasked with the line high
    assert_int_equal(get(LINT0), LVT_LEVEL | LVT_REMOTE_IRR | 0x51);
    assert_int_equal(deliver(), 0x51);
    assert_int_equal(deliver(), LAPIC_NONE);
    assert_int_equal(put(EOI, 0).eoi, 0x51);
    assert_int_equal(deliver(), 0x51);
    lapic_pin(&l, 0, false);
    put(EOI, 0);
    assert_int_equal(get(LINT0), LVT_LEVEL | 0x51);
    assert_int_equal(deliver(), LAPIC_NONE);
    put(LINT0, LVT_LEVEL | LVT_REMOTE_IRR | 0x51); // read-only
    assert_int_equal(get(LINT0), LVT_LEVEL | 0x51);
}

static void firmware_leaves_a_virtual_wire(void **state)
{
    (void)state;
    power_up(0, 0);
    lapic_virtual_wire(&l);
    lapic_pin(&l, 0, true);
    assert_true(lapic_extint(&l));
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_NMI);
}

#define X1(test) cmocka_unit_test_setup(test, setup)
#define XX(test) cmocka_unit_test_setup(test, setup_x2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        X1(power_up_values),
        X1(init_keeps_id_and_mode),
        X1(highest_priority_first),
        X1(nesting_ends_in_order),
        X1(tpr_masks_its_class),
        X1(cr8_is_tpr),
        X1(arbitration_priority),
        X1(disabled_by_software),
        X1(level_eoi_is_announced),
        X1(eoi_broadcast_suppression),
        X1(edge_after_the_take_is_not_lost),
        X1(edge_before_the_take_merges),
        X1(pv_eoi_only_for_a_lone_edge),
        X1(errors_latch_at_a_write),
        X1(error_vector_may_be_illegal_itself),
        X1(access_sizes),
        X1(writable_bits),
        X1(timer_one_shot),
        X1(timer_periodic_does_not_drift),
        X1(timer_count_continues_over_changes),
        X1(timer_divisors),
        X1(timer_masked_expiry_is_lost),
        X1(deadline_fires_once_and_reads_zero),
        X1(deadline_zero_disarms),
        X1(deadline_mode_switches_disarm),
        X1(deadline_masked_expires_silently),
        X1(deadline_absent),
        X1(base_transitions),
        X1(base_reserved_bits),
        X1(page_moves_and_vanishes),
        X1(disabled_by_hardware),
        XX(x2apic_register_map),
        XX(x2apic_reserved_bits),
        XX(x2apic_identity),
        X1(icr_makes_messages),
        X1(xapic_destinations),
        XX(x2apic_destinations),
        X1(pin_modes),
        X1(level_pin_comes_again_after_eoi),
        X1(firmware_leaves_a_virtual_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
