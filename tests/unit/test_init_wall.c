// The host's date: formats, updates under way, nonsense
// SPDX-License-Identifier: MIT
// LINK: servers/init/wall.c servers/vmm/dev/rtc.c servers/vmm/dev/rtc_calendar.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "servers/init/wall.h"
#include "servers/vmm/dev/rtc.h"

static uint8_t cmos[128];
static unsigned reads, pauses;
static void (*on_read)(void);

static uint8_t read_byte(uint8_t reg)
{
    reads++;
    if (on_read)
        on_read();
    return cmos[reg];
}

static void pause(void)
{
    pauses++;
}

static const struct wall_source source = {read_byte, pause};

// second, minute, hour, day, month, year, century; A, B, D
static void set(const uint8_t time[7], uint8_t b)
{
    static const uint8_t at[7] = {0, 2, 4, 7, 8, 9, 0x32};
    memset(cmos, 0, sizeof cmos);
    for (unsigned i = 0; i < 7; i++)
        cmos[at[i]] = time[i];
    cmos[0x0a] = 0x26;
    cmos[0x0b] = b;
    cmos[0x0d] = 0x80;
    on_read = NULL;
    pauses = reads = 0;
}

static uint64_t seconds_of(const uint8_t time[7], uint8_t b)
{
    uint64_t seconds;
    set(time, b);
    return wall_read(&source, &seconds) ? seconds : 0;
}

static void formats(void **state)
{
    (void)state;
    const uint64_t day = 1772150400; // 27 February 2026
    assert_int_equal(seconds_of((uint8_t[7]){0x56, 0x44, 0x15, 0x27, 0x02, 0x26, 0x20}, 0x02),
                     day + 15 * 3600 + 44 * 60 + 56);
    assert_int_equal(seconds_of((uint8_t[7]){56, 44, 15, 27, 2, 26, 20}, 0x06),
                     day + 15 * 3600 + 44 * 60 + 56);
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x83, 0x27, 0x02, 0x26, 0x20}, 0), day + 15 * 3600);
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x83, 27, 2, 26, 20}, 0x04), day + 15 * 3600);
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x12, 0x27, 0x02, 0x26, 0x20}, 0), day); // midnight
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x92, 0x27, 0x02, 0x26, 0x20}, 0),
                     day + 12 * 3600); // noon
}

static void centuries(void **state)
{
    (void)state;
    static const uint8_t none[] = {0, 0x18, 0x55, 0xff};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0, 0x01, 0x01, 0x26, none[i]}, 0x02), WALL_DEFAULT);
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0, 0x01, 0x03, 0x00, 0x21}, 0x02),
                     4107542400); // no leap year
}

// Every kind of day over two centuries, against the calendar of the guest's own clock.
static void calendar(void **state)
{
    (void)state;
    struct rtc rtc;
    for (uint64_t t = WALL_DEFAULT; t < 7000000000; t += 86400 * 5 + 12345) {
        rtc_power_up(&rtc, 0, t * 1000000000, &(struct rtc_memory){.below_4g = 1 << 20});
        memcpy(cmos, rtc.cmos, sizeof cmos);
        on_read = NULL;
        uint64_t seconds = 0;
        assert_true(wall_read(&source, &seconds));
        assert_int_equal(seconds, t);
    }
}

static void nonsense(void **state)
{
    (void)state;
    static const uint8_t times[][7] = {
        {0x60, 0, 0, 0x01, 0x01, 0x26, 0x20}, {0, 0x60, 0, 0x01, 0x01, 0x26, 0x20},
        {0, 0, 0x24, 0x01, 0x01, 0x26, 0x20}, {0, 0, 0, 0x00, 0x01, 0x26, 0x20},
        {0, 0, 0, 0x29, 0x02, 0x26, 0x20},    {0, 0, 0, 0x31, 0x04, 0x26, 0x20},
        {0, 0, 0, 0x01, 0x00, 0x26, 0x20},    {0, 0, 0, 0x01, 0x13, 0x26, 0x20},
        {0x1a, 0, 0, 0x01, 0x01, 0x26, 0x20}, {0, 0, 0, 0x01, 0x01, 0xa0, 0x20},
        {255, 255, 255, 255, 255, 255, 255},  {0, 0, 0, 0, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof times / sizeof *times; i++)
        assert_int_equal(seconds_of(times[i], 0x02), 0);
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x00, 0x01, 0x01, 0x26, 0x20}, 0), 0); // no hour of twelve
    assert_int_equal(seconds_of((uint8_t[7]){0, 0, 0x13, 0x01, 0x01, 0x26, 0x20}, 0), 0);
    assert_int_equal(seconds_of((uint8_t[7]){0x59, 0x59, 0x23, 0x31, 0x12, 0x25, 0x20}, 0x02), 0); // past
    assert_int_equal(seconds_of((uint8_t[7]){0x59, 0x59, 0x23, 0x31, 0x12, 0x99, 0x19}, 0x02), 0);
    uint64_t seconds;
    set((uint8_t[7]){0, 0, 0, 0x01, 0x01, 0x26, 0x20}, 0x02);
    cmos[0x0d] = 0; // its battery is empty
    assert_false(wall_read(&source, &seconds));
}

static void turn(void)
{
    if (reads != 8) // in the middle of the bytes
        return;
    cmos[0] = 0x00;
    cmos[2] = 0x00;
    cmos[4] = 0x10;
}

static void update_ends(void)
{
    if (pauses == 3)
        cmos[0x0a] &= 0x7f;
}

static void updates(void **state)
{
    (void)state;
    uint64_t seconds;
    set((uint8_t[7]){0x59, 0x59, 0x09, 0x01, 0x01, 0x26, 0x20}, 0x02);
    on_read = turn;
    assert_true(wall_read(&source, &seconds));
    assert_int_equal(seconds, WALL_DEFAULT + 10 * 3600);
    assert_int_equal(pauses, 1);

    set((uint8_t[7]){0, 0, 0, 0x01, 0x01, 0x26, 0x20}, 0x02);
    cmos[0x0a] |= 0x80;
    on_read = update_ends;
    assert_true(wall_read(&source, &seconds));
    assert_int_equal(pauses, 3);

    set((uint8_t[7]){0, 0, 0, 0x01, 0x01, 0x26, 0x20}, 0x02);
    cmos[0x0a] |= 0x80; // for ever
    assert_false(wall_read(&source, &seconds));
    assert_true(pauses < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),  cmocka_unit_test(centuries), cmocka_unit_test(calendar),
        cmocka_unit_test(nonsense), cmocka_unit_test(updates),
    };
    return cmocka_run_group_tests_name("wall clock", tests, NULL, NULL);
}
