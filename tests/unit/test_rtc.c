// The real-time clock: calendar, update cycle, formats, alarm, interrupts, CMOS
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/rtc.c servers/vmm/dev/rtc_calendar.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/rtc.h"
#include "servers/vmm/dev/rtc_calendar.h"

#define S     UINT64_C(1000000000)
#define MS    UINT64_C(1000000)
#define START UINT64_C(1709164799) // 2024-02-28 23:59:59 UTC, a Wednesday before a leap day

enum { MIB = 1 << 20 };

static struct rtc rtc;
static uint64_t now;

static uint32_t out8(uint16_t port, uint8_t value)
{
    struct io_access io = {.port = port, .size = 1, .value = value};
    return rtc_write(&rtc, &io, now);
}

static struct io_result in8(uint16_t port)
{
    struct io_access io = {.port = port, .size = 1};
    return rtc_read(&rtc, &io, now);
}

static uint8_t get(uint8_t index)
{
    out8(0x70, index);
    return (uint8_t)in8(0x71).value;
}

static uint32_t set(uint8_t index, uint8_t value)
{
    out8(0x70, index);
    return out8(0x71, value);
}

static void expect_time(unsigned year, unsigned month, unsigned day, unsigned weekday, unsigned clock)
{
    assert_int_equal(get(RTC_CENTURY), year >> 8);
    assert_int_equal(get(RTC_YEAR), year & 0xff);
    assert_int_equal(get(RTC_MONTH), month);
    assert_int_equal(get(RTC_DAY), day);
    assert_int_equal(get(RTC_WEEKDAY), weekday);
    assert_int_equal(get(RTC_HOUR), clock >> 16);
    assert_int_equal(get(RTC_MINUTE), clock >> 8 & 0xff);
    assert_int_equal(get(RTC_SECOND), clock & 0xff);
}

static void set_clock(uint8_t hour, uint8_t minute, uint8_t second)
{
    uint8_t b = get(RTC_B);
    set(RTC_B, b | 0x80);
    set(RTC_HOUR, hour);
    set(RTC_MINUTE, minute);
    set(RTC_SECOND, second);
    set(RTC_B, b);
}

static void set_alarm(uint8_t hour, uint8_t minute, uint8_t second)
{
    set(RTC_HOUR_ALARM, hour);
    set(RTC_MINUTE_ALARM, minute);
    set(RTC_SECOND_ALARM, second);
}

static int setup(void **state)
{
    (void)state;
    static const struct rtc_memory memory = {.below_4g = 256 * MIB};
    now = 5 * S;
    rtc_power_up(&rtc, now, START * S + 300 * MS, &memory);
    return 0;
}

static void test_calendar_against_libc(void **state)
{
    (void)state;
    for (uint64_t t = 0; t < UINT64_C(14000000000); t += 86400 * 5 + 3607) {
        struct tm tm;
        time_t when = (time_t)t;
        gmtime_r(&when, &tm);
        struct rtc_time r = rtc_time_from_unix(t);
        assert_int_equal(r.year, tm.tm_year + 1900);
        assert_int_equal(r.month, tm.tm_mon + 1);
        assert_int_equal(r.day, tm.tm_mday);
        assert_int_equal(r.weekday, tm.tm_wday + 1);
        assert_int_equal(r.hour * 3600 + r.minute * 60 + r.second,
                         tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
    }
}

static void test_calendar_ends_of_months(void **state)
{
    (void)state;
    static const struct {
        struct rtc_time from, to;
    } steps[] = {
        {{1999, 12, 31, 6, 23, 59, 59}, {2000, 1, 1, 7, 0, 0, 0}},
        {{2000, 2, 28, 2, 23, 59, 59}, {2000, 2, 29, 3, 0, 0, 0}},
        {{2100, 2, 28, 1, 23, 59, 59}, {2100, 3, 1, 2, 0, 0, 0}},
        {{2023, 2, 28, 3, 23, 59, 59}, {2023, 3, 1, 4, 0, 0, 0}},
        {{2023, 4, 30, 7, 23, 59, 59}, {2023, 5, 1, 1, 0, 0, 0}}, // Saturday to Sunday
        {{2023, 2, 31, 1, 0, 0, 0}, {2023, 3, 3, 1, 0, 0, 1}},    // set to nonsense: carried over
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct rtc_time r = rtc_time_add(steps[i].from, 1);
        assert_memory_equal(&r, &steps[i].to, sizeof(r));
    }
}

static void test_time_runs_and_rolls_over(void **state)
{
    (void)state;
    expect_time(0x2024, 0x02, 0x28, 4, 0x235959);
    now += 700 * MS - 1; // the base had 0.3 s of its second behind it
    expect_time(0x2024, 0x02, 0x28, 4, 0x235959);
    now += 1;
    expect_time(0x2024, 0x02, 0x29, 5, 0x000000);
    now += 86400 * S;
    expect_time(0x2024, 0x03, 0x01, 6, 0x000000);
    now += 366 * 86400 * S;
    expect_time(0x2025, 0x03, 0x02, 1, 0x000000);
}

static void test_no_drift_over_a_year(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000; i++) { // looked at often, at odd times
        now += 315 * S + 359999 * 1000;
        get(RTC_SECOND);
    }
    struct rtc_time expected = rtc_time_from_unix(START + (300 * MS + now - 5 * S) / S);
    assert_int_equal(get(RTC_SECOND), expected.second / 10 << 4 | expected.second % 10);
    assert_int_equal(get(RTC_MINUTE), expected.minute / 10 << 4 | expected.minute % 10);
    assert_int_equal(get(RTC_DAY), expected.day / 10 << 4 | expected.day % 10);
}

static void test_binary_and_12_hours(void **state)
{
    (void)state;
    set(RTC_B, 0x84); // binary, 12 hours, held
    set(RTC_YEAR, 24);
    set(RTC_CENTURY, 20);
    set(RTC_MONTH, 2);
    set(RTC_DAY, 28);
    set(RTC_HOUR, 0x80 | 11);
    set(RTC_MINUTE, 59);
    set(RTC_SECOND, 59);
    set(RTC_B, 0x04);
    now += S; // 11:59:59 PM is followed by 12 AM of the next day
    assert_int_equal(get(RTC_HOUR), 12);
    assert_int_equal(get(RTC_DAY), 29);
    now += 12 * 3600 * S;
    assert_int_equal(get(RTC_HOUR), 0x80 | 12);
    now += 3600 * S;
    assert_int_equal(get(RTC_HOUR), 0x80 | 1);
    set(RTC_B, 0x80); // BCD, 12 hours: the bytes are not converted, the guest sets them anew
    assert_int_equal(get(RTC_HOUR), 0x80 | 1);
    set(RTC_HOUR, 0x91);
    set(RTC_MINUTE, 0x59);
    set(RTC_SECOND, 0x59);
    set(RTC_DAY, 0x28);
    set(RTC_YEAR, 0x23);
    set(RTC_CENTURY, 0x20);
    set(RTC_B, 0x00);
    now += S;
    assert_int_equal(get(RTC_HOUR), 0x12);
    assert_int_equal(get(RTC_DAY), 0x01);
    assert_int_equal(get(RTC_MONTH), 0x03);
}

static void test_set_holds_the_time(void **state)
{
    (void)state;
    assert_int_equal(set(RTC_B, 0x12) & PORT_DEADLINE, PORT_DEADLINE);
    assert_int_equal(set(RTC_B, 0x92), PORT_DEADLINE);
    assert_int_equal(get(RTC_B), 0x82); // SET clears UIE
    now += 10 * S;
    expect_time(0x2024, 0x02, 0x28, 4, 0x235959);
    assert_int_equal(get(RTC_C) & 0x30, 0); // no updates, so no flag
    set(RTC_HOUR, 0x07);
    set(RTC_SECOND, 0x80 | 0x30); // bit 7 of the seconds cannot be written
    set(RTC_B, 0x02);
    now += 699 * MS; // the divider chain ran on: the phase is the old one
    assert_int_equal(get(RTC_SECOND), 0x30);
    now += 1 * MS;
    assert_int_equal(get(RTC_SECOND), 0x31);
    assert_int_equal(get(RTC_HOUR), 0x07);
}

static void test_divider_reset(void **state)
{
    (void)state;
    set(RTC_A, 0x70);
    now += 100 * S;
    assert_int_equal(get(RTC_SECOND), 0x59);
    set(RTC_A, 0x26);
    now += 500 * MS - 1; // the first update comes half a second after the release
    assert_int_equal(get(RTC_SECOND), 0x59);
    now += 1;
    assert_int_equal(get(RTC_SECOND), 0x00);
    now += S;
    assert_int_equal(get(RTC_SECOND), 0x01);
}

static void test_divider_released_before_half_a_second(void **state)
{
    (void)state;
    static const struct rtc_memory memory;
    now = 0;
    rtc_power_up(&rtc, now, START * S, &memory);
    set(RTC_A, 0x70);
    now = 100 * MS;
    set(RTC_A, 0x26);
    set(RTC_B, 0x12);
    assert_int_equal(rtc_deadline(&rtc), 600 * MS);
    now = 600 * MS;
    assert_true(rtc_line(&rtc, now));
    assert_int_equal(get(RTC_SECOND), 0x00);
}

static void test_update_in_progress(void **state)
{
    (void)state;
    const uint64_t second = 5 * S + 700 * MS;
    now = second - 2228001;
    assert_int_equal(get(RTC_A), 0x26);
    now = second - 2228000;
    assert_int_equal(get(RTC_A), 0xa6);
    now = second - 1;
    assert_int_equal(get(RTC_A), 0xa6);
    assert_int_equal(get(RTC_C) & 0x10, 0);
    now = second;
    assert_int_equal(get(RTC_A), 0x26);
    assert_int_equal(get(RTC_C) & 0x90, 0x10); // UF at the end of the cycle, even with no enable
    now = second + S - 1000;
    set(RTC_A, 0xa6); // UIP cannot be written
    set(RTC_B, 0x82);
    assert_int_equal(get(RTC_A), 0x26); // SET aborts the cycle
}

static void test_update_interrupt(void **state)
{
    (void)state;
    assert_int_equal(rtc_deadline(&rtc), CLOCK_NEVER);
    set(RTC_B, 0x12);
    assert_int_equal(rtc_deadline(&rtc), 5 * S + 700 * MS);
    now = rtc_deadline(&rtc) - 1;
    assert_false(rtc_line(&rtc, now));
    now++;
    assert_true(rtc_line(&rtc, now));
    assert_int_equal(rtc_deadline(&rtc), CLOCK_NEVER); // nothing new until C is read
    out8(0x70, RTC_C);
    struct io_result c = in8(0x71);
    assert_int_equal(c.value & 0x90, 0x90);
    assert_int_equal(c.effects, PORT_LINE | PORT_DEADLINE);
    assert_false(rtc_line(&rtc, now));
    assert_int_equal(get(RTC_C), 0);
    assert_int_equal(rtc_deadline(&rtc), 6 * S + 700 * MS);
    now = 6 * S + 700 * MS;
    out8(0x70, RTC_SECOND);
    assert_int_equal(in8(0x71).effects, PORT_LINE); // found by an access before the deadline was served
}

static void test_flag_before_enable(void **state)
{
    (void)state;
    now += S;
    get(RTC_SECOND);
    assert_int_equal(set(RTC_B, 0x12), PORT_LINE | PORT_DEADLINE); // a standing flag interrupts at once
    assert_true(rtc_line(&rtc, now));
    assert_int_equal(set(RTC_B, 0x02), PORT_LINE | PORT_DEADLINE);
    assert_false(rtc_line(&rtc, now));
    assert_int_equal(get(RTC_C) & 0x10, 0x10);
}

static void test_periodic(void **state)
{
    (void)state;
    static const struct {
        uint8_t rate;
        unsigned ticks; // of 32768 Hz
    } rates[] = {{1, 128}, {2, 256}, {3, 4}, {6, 32}, {9, 256}, {15, 16384}};
    set(RTC_B, 0x42);
    set(RTC_A, 0x20);
    assert_int_equal(rtc_deadline(&rtc), CLOCK_NEVER); // rate 0: none
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        set(RTC_A, 0x20 | rates[i].rate);
        get(RTC_C);
        uint64_t since = now - (4 * S + 700 * MS); // the chain's seconds
        uint64_t next = (clock_ticks(since, 32768) / rates[i].ticks + 1) * rates[i].ticks;
        assert_int_equal(rtc_deadline(&rtc), 4 * S + 700 * MS + clock_ns(next, 32768));
        now = rtc_deadline(&rtc) - 1;
        assert_false(rtc_line(&rtc, now));
        now++;
        assert_true(rtc_line(&rtc, now));
        assert_int_equal(get(RTC_C) & 0xc0, 0xc0);
    }
}

static void test_alarm(void **state)
{
    (void)state;
    set_clock(0x10, 0x20, 0x30);
    set_alarm(0x10, 0x21, 0x05);
    set(RTC_B, 0x22);
    get(RTC_C);
    uint64_t base = 4 * S + 700 * MS;
    assert_int_equal(rtc_deadline(&rtc), base + 35 * S);
    now = base + 35 * S - 1;
    assert_int_equal(get(RTC_C) & 0xa0, 0);
    now++;
    assert_true(rtc_line(&rtc, now));
    assert_int_equal(get(RTC_C), 0xf0);
    assert_int_equal(rtc_deadline(&rtc), base + (35 + 86400) * S); // tomorrow
    set_alarm(0x10, 0x61, 0x05);                                   // no such minute
    assert_int_equal(rtc_deadline(&rtc), CLOCK_NEVER);
}

static void test_alarm_wildcards(void **state)
{
    (void)state;
    static const struct {
        uint8_t hour, minute, second;
        unsigned after; // 10:20:30
    } alarms[] = {
        {0xff, 0xff, 0xff, 1},
        {0xc0, 0xc0, 0xc0, 1},
        {0xff, 0xff, 0x30, 60},
        {0xff, 0xff, 0x29, 59},
        {0xff, 0x20, 0xff, 1},
        {0xff, 0x19, 0xff, 59 * 60 - 30},
        {0x11, 0xff, 0xff, 39 * 60 + 30},
        {0x10, 0xff, 0x00, 30},
        {0x09, 0x00, 0x00, 22 * 3600 + 39 * 60 + 30},
        {0x10, 0x20, 0x30, 86400},
        {0x10, 0x20, 0xff, 1},
        {0x23, 0x59, 0x59, 13 * 3600 + 39 * 60 + 29},
    };
    uint64_t base = 4 * S + 700 * MS;
    set_clock(0x10, 0x20, 0x30);
    set(RTC_B, 0x22);
    for (size_t i = 0; i < sizeof(alarms) / sizeof(alarms[0]); i++) {
        set_alarm(alarms[i].hour, alarms[i].minute, alarms[i].second);
        get(RTC_C);
        assert_int_equal(rtc_deadline(&rtc), base + alarms[i].after * S);
        struct rtc saved = rtc;
        uint64_t here = now;
        now = base + (alarms[i].after - 1) * S;
        assert_int_equal(get(RTC_C) & 0x20, 0);
        now += S;
        assert_int_equal(get(RTC_C) & 0x20, 0x20);
        rtc = saved; // and in one step over all of it
        now = base + (alarms[i].after + 100) * S;
        assert_int_equal(get(RTC_C) & 0x20, 0x20);
        rtc = saved;
        now = here;
    }
}

static void test_alarm_12_hours(void **state)
{
    (void)state;
    set(RTC_B, 0x80);
    set_clock(0x11, 0x59, 0x59); // AM
    set_alarm(0x92, 0x00, 0x00); // noon
    set(RTC_B, 0x20);
    assert_int_equal(rtc_deadline(&rtc), 5 * S + 700 * MS);
    set_alarm(0x12, 0x00, 0x00); // midnight
    assert_int_equal(rtc_deadline(&rtc), 5 * S + 700 * MS + 12 * 3600 * S);
}

static void test_registers_c_and_d_are_read_only(void **state)
{
    (void)state;
    set(RTC_C, 0xff);
    assert_int_equal(get(RTC_C), 0);
    set(RTC_D, 0);
    assert_int_equal(get(RTC_D), 0x80);
    assert_int_equal(in8(0x70).value, 0xff);
}

static void test_index_and_nmi_mask(void **state)
{
    (void)state;
    out8(0x70, 0x80 | RTC_D);
    assert_int_equal(in8(0x71).value, 0x80);
    assert_int_equal(rtc.nmi_masked, 1);
    out8(0x70, RTC_D);
    assert_int_equal(rtc.nmi_masked, 0);
    assert_int_equal(set(0x0f, 0x0a), 0); // shutdown byte: plain memory
    assert_int_equal(get(0x0f), 0x0a);
    set(0x7f, 0x77);
    assert_int_equal(get(0xff), 0x77);
}

static unsigned word(uint8_t index)
{
    return get(index) | (unsigned)get((uint8_t)(index + 1)) << 8;
}

static void expect_checksum(void)
{
    unsigned sum = 0;
    for (uint8_t i = 0x10; i <= 0x2d; i++)
        sum += get(i);
    assert_int_equal(sum, (unsigned)get(0x2e) << 8 | get(0x2f));
}

static void test_memory_fields(void **state)
{
    (void)state;
    assert_int_equal(word(0x15), 640);
    assert_int_equal(word(0x17), 0xffff); // 255 MiB are more KiB than fit
    assert_int_equal(word(0x30), 0xffff);
    assert_int_equal(word(0x34), 240 * 16);
    expect_checksum();
    static const struct rtc_memory small = {.below_4g = 4 * MIB};
    rtc_power_up(&rtc, now, 0, &small);
    assert_int_equal(word(0x17), 3 * 1024);
    assert_int_equal(word(0x34), 0);
    static const struct rtc_memory big = {.below_4g = UINT64_C(3) << 30, .above_4g = UINT64_C(5) << 30};
    rtc_power_up(&rtc, now, 0, &big);
    assert_int_equal(word(0x34), (3072 - 16) * 16);
    assert_int_equal(word(0x5b) | (unsigned)get(0x5d) << 16, 5 * 1024 * 16);
    expect_checksum();
}

static void test_reset_keeps_time_and_memory(void **state)
{
    (void)state;
    set(RTC_B, 0x7a);
    set(0x40, 0x55);
    now += S;
    assert_true(rtc_line(&rtc, now));
    rtc_reset(&rtc, now);
    assert_false(rtc_line(&rtc, now));
    assert_int_equal(get(RTC_B), 0x02);
    assert_int_equal(get(RTC_C), 0);
    assert_int_equal(get(0x40), 0x55);
    expect_time(0x2024, 0x02, 0x29, 5, 0x000000);
}

// Nothing that a guest can write makes the clock fall over or the deadline lie in the past.
static void test_random_contents(void **state)
{
    (void)state;
    srand(146818);
    for (unsigned i = 0; i < 200000; i++) {
        now += (uint64_t)rand() % (rand() % 3 ? 2 * S : 100000 * S);
        set((uint8_t)(rand() % (rand() % 4 ? 14 : 128)), (uint8_t)rand());
        bool high = rtc_line(&rtc, now);
        uint64_t deadline = rtc_deadline(&rtc);
        assert_true(deadline > now);
        if (high || deadline == CLOCK_NEVER)
            continue;
        assert_false(rtc_line(&rtc, deadline - 1));
        now = deadline;
        assert_true(rtc_line(&rtc, now));
        get(RTC_C);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar_against_libc),
        cmocka_unit_test(test_calendar_ends_of_months),
        cmocka_unit_test_setup(test_time_runs_and_rolls_over, setup),
        cmocka_unit_test_setup(test_no_drift_over_a_year, setup),
        cmocka_unit_test_setup(test_binary_and_12_hours, setup),
        cmocka_unit_test_setup(test_set_holds_the_time, setup),
        cmocka_unit_test_setup(test_divider_reset, setup),
        cmocka_unit_test(test_divider_released_before_half_a_second),
        cmocka_unit_test_setup(test_update_in_progress, setup),
        cmocka_unit_test_setup(test_update_interrupt, setup),
        cmocka_unit_test_setup(test_flag_before_enable, setup),
        cmocka_unit_test_setup(test_periodic, setup),
        cmocka_unit_test_setup(test_alarm, setup),
        cmocka_unit_test_setup(test_alarm_wildcards, setup),
        cmocka_unit_test_setup(test_alarm_12_hours, setup),
        cmocka_unit_test_setup(test_registers_c_and_d_are_read_only, setup),
        cmocka_unit_test_setup(test_index_and_nmi_mask, setup),
        cmocka_unit_test_setup(test_memory_fields, setup),
        cmocka_unit_test_setup(test_reset_keeps_time_and_memory, setup),
        cmocka_unit_test_setup(test_random_contents, setup),
    };
    return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
