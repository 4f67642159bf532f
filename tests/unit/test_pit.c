// The 8254 against its data sheet
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/pit.c servers/vmm/dev/pit_counter.c
#include "tests/unit/pit_fixture.h"

static int setup(void **state)
{
    (void)state;
    pit_reset(&pit, 0);
    return 0;
}

// OUT of counter 2 over some clocks as a string of H and L, as the data sheet draws it.
static void expect_wave(uint64_t first, const char *wave)
{
    for (uint64_t i = 0; wave[i]; i++)
        assert_int_equal(out_of(2, first + i), wave[i] == 'H');
}

static void expect_counts(unsigned counter, uint64_t first, const uint16_t *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(latched(counter, first + i), counts[i]);
}

#define COUNTS(counter, first, ...)                                                                          \
    expect_counts(counter, first, (const uint16_t[]){__VA_ARGS__},                                           \
                  sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static void test_mode0(void **state)
{
    (void)state;
    out8(0x43, 0xb0, 10);
    out8(0x61, 1, 10);
    assert_false(out_of(2, 11));
    count16(0x42, 4, 20); // loaded at 21, OUT high N + 1 clocks after the write
    expect_wave(20, "LLLLLHHH");
    count16(0x42, 4, 30);
    COUNTS(2, 31, 4, 3, 2, 1, 0, 0xffff, 0xfffe); // goes on past zero
    assert_true(out_of(2, 40));
    out8(0x42, 5, 50); // the first byte stops the count and lowers OUT
    assert_false(out_of(2, 50));
    uint16_t stopped = latched(2, 50);
    assert_int_equal(latched(2, 60), stopped);
    out8(0x42, 0, 61);
    COUNTS(2, 62, 5, 4, 3);
    expect_wave(62, "LLLLLH");
}

static void test_mode0_gate_pauses(void **state)
{
    (void)state;
    out8(0x43, 0xb0, 0);
    count16(0x42, 3, 10); // gate low: loaded all the same
    COUNTS(2, 11, 3, 3, 3);
    out8(0x61, 1, 20);
    COUNTS(2, 21, 2, 1);
    out8(0x61, 0, 22);
    COUNTS(2, 23, 1, 1);
    assert_false(out_of(2, 30));
    out8(0x61, 1, 40);
    expect_wave(40, "LHH");
    out8(0x61, 0, 50); // no effect on OUT
    assert_true(out_of(2, 60));
}

static void test_mode1_one_shot(void **state)
{
    (void)state;
    out8(0x43, 0xb2, 0);
    count16(0x42, 3, 5);
    assert_true(out_of(2, 20)); // awaits its trigger
    assert_int_equal(status_of(2, 20) & 0x40, 0x40);
    out8(0x61, 1, 30);
    expect_wave(30, "HLLLHH"); // low for N clocks from the clock after the trigger
    COUNTS(2, 34, 0, 0xffff);
    out8(0x61, 0, 40); // ends nothing
    out8(0x61, 1, 41);
    expect_wave(41, "HLL");
    out8(0x61, 0, 43);
    out8(0x61, 1, 43); // retriggered
    expect_wave(43, "LLLLHH");
    out8(0x61, 0, 60);
    out8(0x61, 1, 60);
    count16(0x42, 9, 61); // a new count waits for the next trigger
    assert_int_equal(status_of(2, 61) & 0x40, 0x40);
    expect_wave(61, "LLLHH");
    out8(0x61, 0, 70);
    out8(0x61, 1, 70);
    expect_wave(71, "LLLLLLLLLH");
}

static void test_mode2_rate(void **state)
{
    (void)state;
    out8(0x61, 1, 0);
    out8(0x43, 0xb4, 0);
    count16(0x42, 3, 10);
    expect_wave(10, "HHHLHHLHHL"); // OUT low N clocks after the write
    COUNTS(2, 30, 2, 1, 3, 2, 1, 3);
    uint64_t boundary = 31 + 1;
    count16(0x42, 5, boundary); // takes over at the end of this cycle
    assert_int_equal(status_of(2, boundary) & 0x40, 0x40);
    COUNTS(2, boundary, 3, 2, 1, 5, 4, 3, 2, 1, 5);
    assert_int_equal(status_of(2, boundary + 3) & 0x40, 0);
}

static void test_mode2_gate(void **state)
{
    (void)state;
    out8(0x61, 1, 0);
    out8(0x43, 0xb4, 0);
    count16(0x42, 4, 10);
    expect_wave(13, "HL");
    out8(0x61, 0, 14);          // low in the middle of the pulse: OUT rises at once
    assert_true(out_of(2, 14)); // counting stops
    assert_int_equal(latched(2, 20), latched(2, 14));
    out8(0x61, 1, 25); // trigger: reload at the next clock
    COUNTS(2, 26, 4, 3, 2, 1, 4);
    count16(0x42, 6, 31);
    out8(0x61, 0, 31);
    out8(0x61, 1, 31); // the trigger brings the new count in before the cycle ends
    COUNTS(2, 32, 6, 5);
}

static void test_mode3_even_and_odd(void **state)
{
    (void)state;
    out8(0x61, 1, 0);
    out8(0x43, 0xb6, 0);
    count16(0x42, 4, 10);
    expect_wave(11, "HHLLHHLL");
    COUNTS(2, 19, 4, 2, 4, 2, 4);
    out8(0x43, 0xb6, 30);
    count16(0x42, 5, 30);
    expect_wave(31, "HHHLLHHHLL");
    COUNTS(2, 41, 4, 2, 0, 4, 2, 4, 2, 0);
}

static void test_mode3_new_count_at_half_cycle(void **state)
{
    (void)state;
    out8(0x61, 1, 0);
    out8(0x43, 0xb6, 0);
    count16(0x42, 8, 10); // high 11 to 14, low 15 to 18
    count16(0x42, 5, 12); // takes over at 15, into the low half: low for two clocks
    expect_wave(12, "HHHLLHHHLLHHHL");
    count16(0x42, 4, 26); // low half since 25: takes over at 27
    expect_wave(26, "LHHLLHH");
}

static void test_mode4_strobe(void **state)
{
    (void)state;
    out8(0x61, 1, 0);
    out8(0x43, 0xb8, 0);
    count16(0x42, 3, 10);
    expect_wave(10, "HHHHLHHHHH"); // N + 1 clocks after the write
    count16(0x42, 3, 30);
    out8(0x42, 2, 32); // the first byte changes nothing
    COUNTS(2, 33, 1);
    out8(0x42, 0, 33); // the second loads at the next clock
    COUNTS(2, 34, 2, 1, 0, 0xffff);
    expect_wave(38, "HHH");
    count16(0x42, 2, 50);
    out8(0x61, 0, 51);
    COUNTS(2, 52, 2, 2);
    out8(0x61, 1, 60);
    expect_wave(60, "HHLH");
}

static void test_mode5_triggered_strobe(void **state)
{
    (void)state;
    out8(0x43, 0xba, 0);
    count16(0x42, 3, 10);
    assert_true(out_of(2, 20));
    out8(0x61, 1, 30);
    expect_wave(30, "HHHHLHH");
    out8(0x61, 0, 40);
    out8(0x61, 1, 40);
    expect_wave(40, "HH");
    out8(0x61, 0, 42);
    out8(0x61, 1, 42);
    expect_wave(42, "HHHHLHH");
}

static void test_bcd(void **state)
{
    (void)state;
    out8(0x43, 0x31, 0); // counter 0, mode 0, BCD
    count16(0x40, 0x1000, 10);
    COUNTS(0, 11, 0x1000, 0x0999, 0x0998);
    assert_int_equal(latched(0, 1011), 0);
    assert_int_equal(latched(0, 1012), 0x9999);
    out8(0x43, 0x35, 2000); // mode 2; zero is 10000
    count16(0x40, 0, 2000);
    COUNTS(0, 2001, 0x0000, 0x9999);
    assert_int_equal(latched(0, 12000), 1);
    assert_int_equal(latched(0, 12001), 0);
    out8(0x43, 0x34, 20000);
    count16(0x40, 0, 20000); // binary: 65536
    COUNTS(0, 20001, 0, 0xffff);
    assert_int_equal(latched(0, 20001 + 65535), 1);
}

static void test_single_byte_access(void **state)
{
    (void)state;
    out8(0x43, 0x10, 0); // LSB only, mode 0
    out8(0x40, 0x30, 0);
    assert_int_equal(in8(0x40, 1), 0x30);
    assert_int_equal(in8(0x40, 2), 0x2f);
    out8(0x43, 0x20, 10); // MSB only: the low byte is zero
    out8(0x40, 0x02, 10);
    assert_int_equal(in8(0x40, 11), 2);
    assert_int_equal(in8(0x40, 12), 1); // 0x1ff
    out8(0x43, 0x00, 11 + 0x100);       // latch gives one byte only
    assert_int_equal(in8(0x40, 400), 1);
    assert_int_equal(in8(0x40, 11 + 0x200), 0);
}

static void test_latch_holds_and_ignores_a_second(void **state)
{
    (void)state;
    out8(0x43, 0x34, 0);
    count16(0x40, 0x1000, 0);
    out8(0x43, 0x00, 0x101);
    out8(0x43, 0x00, 0x201); // ignored until the first is read
    assert_int_equal(in16(0x40, 0x301), 0x0f00);
    assert_int_equal(in8(0x40, 0x401), 0x00); // follows the count again
    assert_int_equal(in8(0x40, 0x401), 0x0c);
    out8(0x43, 0x00, 0x501);
    out8(0x43, 0x34, 0x501); // programming drops a latched count
    count16(0x40, 0x2222, 0x501);
    assert_int_equal(in16(0x40, 0x502), 0x2222);
}

static void test_reads_between_writes(void **state)
{
    (void)state;
    out8(0x43, 0x34, 0);
    count16(0x40, 0x1234, 0);
    assert_int_equal(in8(0x40, 1), 0x34); // read LSB, write LSB, read MSB, write MSB
    out8(0x40, 0x78, 1);
    assert_int_equal(in8(0x40, 1), 0x12);
    out8(0x40, 0x56, 1);
    assert_int_equal(latched(0, 1 + 0x1234), 0x5678);
}

static void test_read_back(void **state)
{
    (void)state;
    out8(0x43, 0x36, 0);
    count16(0x40, 100, 0);
    out8(0x43, 0x54, 0);
    out8(0x41, 18, 0);
    out8(0x43, 0xc6, 11); // status and count of 0 and 1
    assert_int_equal(in8(0x40, 500), 0x80 | 0x36);
    assert_int_equal(in16(0x40, 500), 80);
    assert_int_equal(in8(0x41, 500), 0x80 | 0x14);
    assert_int_equal(in8(0x41, 500), 8);
    out8(0x43, 0xd2, 501); // count only of 0
    out8(0x43, 0xe2, 502); // then status: it comes first all the same
    out8(0x43, 0xe2, 560); // a second one is ignored
    assert_int_equal(in8(0x40, 600) & 0x80, 0x80);
    assert_int_equal(in16(0x40, 600), 100);
    out8(0x43, 0x34, 700); // mode 2 awaiting its count: null count, OUT high
    assert_int_equal(status_of(0, 700), 0xc0 | 0x34);
    count16(0x40, 5, 700);
    assert_int_equal(status_of(0, 700), 0xc0 | 0x34);
    assert_int_equal(status_of(0, 701), 0x80 | 0x34);
    out8(0x43, 0x3e, 800); // mode 7 is mode 3, and reads back as written
    count16(0x40, 4, 800);
    assert_int_equal(status_of(0, 801), 0x80 | 0x3e);
    assert_int_equal(status_of(0, 803), 0x3e);
}

static void test_port61(void **state)
{
    (void)state;
    assert_int_equal(in8(0x61, 0) & 0x2f, 0);
    out8(0x61, 0xff, 0);
    assert_int_equal(in8(0x61, 0) & 0xcf, 0x0f); // only four bits can be written
    for (uint64_t toggles = 0; toggles < 10; toggles++) {
        assert_int_equal(in8(0x61, toggles * 18) >> 4 & 1, toggles & 1);
        assert_int_equal(in8(0x61, toggles * 18 + 17) >> 4 & 1, toggles & 1);
    }
    out8(0x43, 0xb0, 1000);
    count16(0x42, 11931, 1000); // as Linux does to calibrate: 10 ms in mode 0, polling OUT2
    assert_int_equal(in8(0x61, 1000 + 11931) & 0x20, 0);
    assert_int_equal(in8(0x61, 1000 + 11932) & 0x20, 0x20);
    uint8_t gone = in8(0x43, 1000);
    assert_int_equal(gone, 0xff);
}

static void test_edges_do_not_drift(void **state)
{
    (void)state;
    const uint64_t hour = 3600 * UINT64_C(1000000000);
    out8(0x43, 0x34, 7); // OUT rises from its state after reset
    assert_int_equal(pit_take_edges(&pit, at(7)), 1);
    assert_int_equal(pit_deadline(&pit), CLOCK_NEVER);
    assert_int_equal(out8(0x40, 0xa9, 7), 0);
    assert_int_equal(out8(0x40, 0x04, 7), PORT_DEADLINE); // 1193: some 1000 Hz
    assert_int_equal(pit_deadline(&pit), at(8 + 1193));
    assert_int_equal(pit_take_edges(&pit, at(8 + 1193) - 1), 0);
    assert_int_equal(pit_take_edges(&pit, at(8 + 1193)), 1);
    assert_int_equal(pit_take_edges(&pit, at(8 + 1193)), 0);
    uint64_t expected = (1193182 * UINT64_C(3600) - 8) / 1193 - 1;
    assert_int_equal(pit_deadline(&pit), at(8 + 2 * 1193));
    assert_int_equal(pit_take_edges(&pit, hour), expected); // missed ones are counted
    assert_int_equal(pit_deadline(&pit), at(8 + (expected + 2) * 1193));
}

static void test_deadline_across_reload(void **state)
{
    (void)state;
    out8(0x43, 0x34, 0);
    pit_take_edges(&pit, 0);
    count16(0x40, 100, 0);
    count16(0x40, 10, 50);
    assert_int_equal(pit_deadline(&pit), at(101)); // end of the old cycle, then the new ones
    assert_int_equal(pit_take_edges(&pit, at(101)), 1);
    assert_int_equal(pit_deadline(&pit), at(111));
    assert_int_equal(pit_take_edges(&pit, at(129)), 2);
    out8(0x43, 0x38, 130); // mode 4, one shot; OUT was low at this very clock
    assert_int_equal(pit_take_edges(&pit, at(130)), 1);
    count16(0x40, 20, 130);
    assert_int_equal(pit_deadline(&pit), at(131 + 21));
    assert_int_equal(pit_take_edges(&pit, at(1000)), 1);
    assert_int_equal(pit_deadline(&pit), CLOCK_NEVER);
    out8(0x43, 0x30, 1000); // OUT falls: no edge
    assert_int_equal(pit_take_edges(&pit, at(1000)), 0);
    assert_int_equal(out8(0x43, 0x34, 1001), PORT_LINE | PORT_DEADLINE); // and rises
    assert_int_equal(pit_deadline(&pit), at(1001));
    assert_int_equal(pit_take_edges(&pit, at(1001)), 1);
}

static void test_count_of_one_raises_no_storm(void **state)
{
    (void)state;
    for (unsigned mode = 2; mode <= 3; mode++) { // illegal in these modes
        out8(0x43, (uint8_t)(0x30 | mode << 1), 0);
        count16(0x40, 1, 0);
        assert_int_equal(pit_take_edges(&pit, at(1000)),
                         mode == 2 ? 1 : 0); // OUT rose from its state after reset
        assert_int_equal(pit_deadline(&pit), CLOCK_NEVER);
        count16(0x40, 2, 1000); // comes into force at once
        assert_int_equal(pit_deadline(&pit), at(1003));
        pit_reset(&pit, 0);
        out8(0x43, 0x34, 0);
        pit_take_edges(&pit, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_mode0, setup),
        cmocka_unit_test_setup(test_mode0_gate_pauses, setup),
        cmocka_unit_test_setup(test_mode1_one_shot, setup),
        cmocka_unit_test_setup(test_mode2_rate, setup),
        cmocka_unit_test_setup(test_mode2_gate, setup),
        cmocka_unit_test_setup(test_mode3_even_and_odd, setup),
        cmocka_unit_test_setup(test_mode3_new_count_at_half_cycle, setup),
        cmocka_unit_test_setup(test_mode4_strobe, setup),
        cmocka_unit_test_setup(test_mode5_triggered_strobe, setup),
        cmocka_unit_test_setup(test_bcd, setup),
        cmocka_unit_test_setup(test_single_byte_access, setup),
        cmocka_unit_test_setup(test_latch_holds_and_ignores_a_second, setup),
        cmocka_unit_test_setup(test_reads_between_writes, setup),
        cmocka_unit_test_setup(test_read_back, setup),
        cmocka_unit_test_setup(test_port61, setup),
        cmocka_unit_test_setup(test_edges_do_not_drift, setup),
        cmocka_unit_test_setup(test_deadline_across_reload, setup),
        cmocka_unit_test_setup(test_count_of_one_raises_no_storm, setup),
    };
    return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
