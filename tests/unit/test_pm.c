// ACPI fixed hardware: PM timer, events, SCI, sleep
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/pm.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/pm.h"

#define HALF_TURN (UINT64_C(1) << 31)

enum {
    STATUS = PM1_EVENT_PORT,
    ENABLE = PM1_EVENT_PORT + 2,
    GPE_STATUS = PM_GPE0_PORT,
    GPE_ENABLE = PM_GPE0_PORT + 2
};
enum { TMR = 0x0001, PWRBTN = 0x0100 };

static struct pm pm;
static uint64_t now;

static struct io_result in(uint16_t port, uint8_t size)
{
    struct io_access io = {.port = port, .size = size};
    return pm_read(&pm, &io, now);
}

static uint32_t out(uint16_t port, uint8_t size, uint32_t value)
{
    struct io_access io = {.port = port, .size = size, .value = value};
    return pm_write(&pm, &io, now);
}

static uint64_t at(uint64_t ticks)
{
    return clock_ns(ticks, PM_TIMER_HZ);
}

static int setup(void **state)
{
    (void)state;
    now = 0;
    pm_reset(&pm, now);
    return 0;
}

static void test_timer_is_exact(void **state)
{
    (void)state;
    now = 3600 * UINT64_C(1000000000);
    assert_int_equal(in(PM_TIMER_PORT, 4).value, (uint32_t)(3600 * PM_TIMER_HZ));
    for (uint64_t ticks = 0; ticks < 3 * PM_TIMER_HZ; ticks += 997) {
        now = at(ticks);
        assert_int_equal(in(PM_TIMER_PORT, 4).value, ticks);
        now--;
        if (ticks)
            assert_int_equal(in(PM_TIMER_PORT, 4).value, ticks - 1);
    }
}

static void test_timer_wraps_at_32_bits_and_reads_in_parts(void **state)
{
    (void)state;
    now = at(2 * HALF_TURN - 1);
    assert_int_equal(in(PM_TIMER_PORT, 4).value, 0xffffffff);
    now = at(2 * HALF_TURN + 0x01020304);
    assert_int_equal(in(PM_TIMER_PORT, 4).value, 0x01020304);
    assert_int_equal(in(PM_TIMER_PORT, 2).value, 0x0304);
    assert_int_equal(in(PM_TIMER_PORT + 2, 2).value, 0x0102);
    assert_int_equal(in(PM_TIMER_PORT + 3, 1).value, 0x01);
    out(PM_TIMER_PORT, 4, 0); // read-only
    assert_int_equal(in(PM_TIMER_PORT, 4).value, 0x01020304);
}

static void test_timer_carry(void **state)
{
    (void)state;
    assert_int_equal(pm_deadline(&pm), CLOCK_NEVER);
    assert_int_equal(out(ENABLE, 2, TMR), PORT_DEADLINE);
    assert_int_equal(pm_deadline(&pm), at(HALF_TURN));
    now = at(HALF_TURN) - 1;
    assert_false(pm_line(&pm, now));
    now++;
    assert_true(pm_line(&pm, now)); // bit 31 rose
    assert_int_equal(pm_deadline(&pm), CLOCK_NEVER);
    assert_int_equal(out(STATUS, 2, TMR), PORT_LINE | PORT_DEADLINE);
    assert_false(pm_line(&pm, now));
    assert_int_equal(pm_deadline(&pm), at(2 * HALF_TURN));
    now = at(2 * HALF_TURN); // and fell; a read finds it before the deadline is served
    assert_int_equal(in(STATUS, 2).effects, PORT_LINE);
    assert_true(pm_line(&pm, now));
    out(ENABLE, 2, 0);
    out(STATUS, 2, TMR);
    now = at(7 * HALF_TURN); // the status rises without the enable
    assert_int_equal(in(STATUS, 2).value, TMR);
    assert_false(pm_line(&pm, now));
    assert_int_equal(out(ENABLE, 2, TMR), PORT_LINE);
}

static void test_timer_that_ran_before_reset(void **state)
{
    (void)state;
    now = at(9 * HALF_TURN) + 5;
    pm_reset(&pm, now);
    assert_int_equal(in(STATUS, 2).value, 0);
}

static void test_power_button(void **state)
{
    (void)state;
    pm_press_power_button(&pm);
    assert_false(pm_line(&pm, now));
    assert_int_equal(in(STATUS, 2).value, PWRBTN);
    assert_int_equal(out(ENABLE, 2, PWRBTN), PORT_LINE);
    assert_true(pm_line(&pm, now));
    out(STATUS, 2, 0); // writing zeros clears nothing
    assert_true(pm_line(&pm, now));
    out(STATUS, 2, TMR);
    assert_true(pm_line(&pm, now));
    assert_int_equal(out(STATUS + 1, 1, PWRBTN >> 8), PORT_LINE); // the byte alone
    assert_false(pm_line(&pm, now));
    assert_int_equal(in(ENABLE, 2).value, PWRBTN);
}

static void test_enable_bits_that_exist(void **state)
{
    (void)state;
    out(STATUS, 4, 0xffff0000);
    assert_int_equal(in(STATUS, 4).value, 0x05210000); // timer, global lock, power button, clock
    out(ENABLE, 1, 0);
    assert_int_equal(in(STATUS, 4).value, 0x05000000); // the other byte is kept
}

static void test_general_purpose_events(void **state)
{
    (void)state;
    pm_raise_gpe(&pm, 3);
    assert_false(pm_line(&pm, now));
    assert_int_equal(out(GPE_ENABLE, 1, 1 << 3), PORT_LINE);
    assert_true(pm_line(&pm, now));
    assert_int_equal(out(GPE_STATUS, 1, 1 << 3), PORT_LINE);
    assert_false(pm_line(&pm, now));
    pm_raise_gpe(&pm, 15);
    assert_int_equal(in(GPE_STATUS, 2).value, 0x8000);
    assert_int_equal(in(GPE_STATUS + 1, 1).value, 0x80);
    assert_int_equal(out(GPE_ENABLE + 1, 1, 0x80), PORT_LINE);
    assert_int_equal(in(GPE_ENABLE, 2).value, 0x8008);
}

static void test_control(void **state)
{
    (void)state;
    assert_int_equal(in(PM1_CONTROL_PORT, 2).value, 1); // always in ACPI mode
    assert_int_equal(out(PM1_CONTROL_PORT, 2, 0), 0);
    assert_int_equal(in(PM1_CONTROL_PORT, 2).value, 1);
    assert_int_equal(out(PM1_CONTROL_PORT, 2, 1 << 2), 0); // GBL_RLS reads as zero
    assert_int_equal(in(PM1_CONTROL_PORT, 2).value, 1);
}

static void test_sleep(void **state)
{
    (void)state;
    const uint32_t s5 = PM_SLEEP_TYPE_S5 << 10, go = 1 << 13;
    assert_int_equal(out(PM1_CONTROL_PORT, 2, s5), 0); // type without enable
    assert_int_equal(in(PM1_CONTROL_PORT, 2).value, s5 | 1);
    assert_int_equal(out(PM1_CONTROL_PORT, 2, 1 << 10 | go), 0); // another type
    assert_int_equal(out(PM1_CONTROL_PORT, 2, s5 | go), PORT_POWER_OFF);
    assert_int_equal(in(PM1_CONTROL_PORT, 2).value, s5 | 1); // SLP_EN reads as zero
    assert_int_equal(out(PM1_CONTROL_PORT + 1, 1, (s5 | go) >> 8), PORT_POWER_OFF);
    assert_int_equal(out(PM1_CONTROL_PORT, 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_timer_is_exact, setup),
        cmocka_unit_test_setup(test_timer_wraps_at_32_bits_and_reads_in_parts, setup),
        cmocka_unit_test_setup(test_timer_carry, setup),
        cmocka_unit_test_setup(test_timer_that_ran_before_reset, setup),
        cmocka_unit_test_setup(test_power_button, setup),
        cmocka_unit_test_setup(test_enable_bits_that_exist, setup),
        cmocka_unit_test_setup(test_general_purpose_events, setup),
        cmocka_unit_test_setup(test_control, setup),
        cmocka_unit_test_setup(test_sleep, setup),
    };
    return cmocka_run_group_tests_name("pm", tests, NULL, NULL);
}
