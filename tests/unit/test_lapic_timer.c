// Local APIC timer: one-shot, periodic without drift, TSC-deadline and its edges
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lapic_fixture.h"

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
    setup_x2(NULL);
    wrmsr(X2(TIMER), 0xee);
    wrmsr(X2(INITIAL), 100);
    now.ns += 200;
    wrmsr(X2(TIMER), 0xee | LVT_MASKED);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(timer_one_shot, setup),
        cmocka_unit_test_setup(timer_periodic_does_not_drift, setup),
        cmocka_unit_test_setup(timer_count_continues_over_changes, setup),
        cmocka_unit_test_setup(timer_divisors, setup),
        cmocka_unit_test_setup(timer_masked_expiry_is_lost, setup),
        cmocka_unit_test_setup(deadline_fires_once_and_reads_zero, setup),
        cmocka_unit_test_setup(deadline_zero_disarms, setup),
        cmocka_unit_test_setup(deadline_mode_switches_disarm, setup),
        cmocka_unit_test_setup(deadline_masked_expires_silently, setup),
        cmocka_unit_test_setup(deadline_absent, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
