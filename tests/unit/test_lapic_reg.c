// Local APIC registers: both maps, reserved bits, modes of IA32_APIC_BASE, interrupt commands
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lapic_fixture.h"

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
    assert_int_equal(get(0x400), 0);
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER);
    put(0x400, 1);
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER);
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
    put(TPR, 0x30);
    wrmsr(MSR_APIC_BASE, LAPIC_PAGE | ENABLE_X2);
    assert_int_equal(msr(X2(TPR)), 0x30); // the change of mode keeps the registers
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
    assert_int_equal(lapic_pin(&l, 0, true), 0);
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
    assert_int_equal(get(ICR2), 5u << 24);
    assert_int_equal(get(ICR), 0x4041);
    assert_true(put(ICR, 0x10).sent); // vector 16 is the first legal one
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(power_up_values, setup),
        cmocka_unit_test_setup(access_sizes, setup),
        cmocka_unit_test_setup(writable_bits, setup),
        cmocka_unit_test_setup(base_transitions, setup),
        cmocka_unit_test_setup(base_reserved_bits, setup),
        cmocka_unit_test_setup(page_moves_and_vanishes, setup),
        cmocka_unit_test_setup(disabled_by_hardware, setup),
        cmocka_unit_test_setup(x2apic_register_map, setup_x2),
        cmocka_unit_test_setup(x2apic_reserved_bits, setup_x2),
        cmocka_unit_test_setup(x2apic_identity, setup_x2),
        cmocka_unit_test_setup(icr_makes_messages, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
