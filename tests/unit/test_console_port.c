// The console's port: bytes between guest and terminal, who is slow, the line page, death around commits
// SPDX-License-Identifier: MIT
// LINK: servers/console/console.c servers/console/uart16550.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/console_world.h"

static uint8_t letter(uint64_t number)
{
    return (uint8_t)(number * 0x9e3779b1u >> 13);
}

static void enable(uint8_t ier)
{
    world_write(UART_FCR, UART_FCR_ENABLE, 0);
    world_write(UART_MCR, UART_MCR_OUT2, 0);
    world_write(UART_IER, ier, 0);
}

static void test_output(void **unused)
{
    (void)unused;
    world_begin();
    const char *text = "hello\n";
    for (const char *c = text; *c; c++) {
        assert_int_equal(world_read(UART_LSR, 0) & UART_LSR_THRE, UART_LSR_THRE);
        world_write(UART_DATA, (uint8_t)*c, 0);
    }
    world_show(100);
    assert_true(world_got(text));
}

// Nobody reads: the guest notices nothing, what is oldest is lost, and the last 64 KiB are there, again and
// again.
static void test_nobody_reads(void **unused)
{
    (void)unused;
    world_begin();
    for (uint64_t sent = 0; sent < 300000; sent++) {
        assert_int_equal(world_read(UART_LSR, 0) & UART_LSR_THRE, UART_LSR_THRE);
        world_write(UART_DATA, letter(sent), 0);
    }
    for (int again = 0; again < 3; again++) {
        world.from_console.position = world.got_bytes = 0;
        assert_int_equal(world_show(STREAM_CAPACITY), 300000 - STREAM_KEPT);
        assert_int_equal(world.got_bytes, STREAM_KEPT);
        for (uint64_t i = 0; i < STREAM_KEPT; i++)
            assert_int_equal((uint8_t)world.got[i], letter(300000 - STREAM_KEPT + i));
        world_open_console(); // and its death changes nothing
    }
}

// Input stays the host's until the guest has read it.
static void test_guest_is_slow(void **unused)
{
    (void)unused;
    world_begin();
    uint64_t typed = 0, seen = 0;
    while (world_type(letter(typed)))
        typed++;
    assert_int_equal(typed, INPUT_RING_BYTES);
    assert_int_equal(world.port.uart.rx_count, 0); // it doesn't listen yet
    enable(UART_IER_RX);
    assert_int_equal(world.port.uart.rx_count, UART_FIFO);
    assert_int_equal(world.line.level, 1);
    assert_false(world_type(0));
    world_write(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR_RX, 0); // offered again
    while (world_read(UART_LSR, 0) & UART_LSR_DR)
        assert_int_equal(world_read(UART_DATA, 0), letter(seen++));
    assert_int_equal(seen, typed);
    assert_int_equal(world.line.level, 0);
    assert_true(world_type('x'));
    assert_int_equal(world.line.level, 1);
    assert_int_equal(world_read(UART_DATA, 0), 'x');
}

// Pulses between two looks show in `changes`; what is published again tells nobody.
static void test_line_page(void **unused)
{
    (void)unused;
    world_begin();
    world.console.signals = 0;
    enable(UART_IER_RX);
    world.console.signals = 0;
    world_type('a');
    assert_int_equal(world.console.signals & SIGNAL_VMM, SIGNAL_VMM);
    assert_int_equal(world.line.changes, 1);
    world_read(UART_DATA, 0);
    world_type('b');
    assert_int_equal(world.line.changes, 3);
    assert_int_equal(world.line.level, 1);
    world.console.signals = 0;
    console_publish(&world.console);
    assert_int_equal(world.console.signals, 0);
    world_open_console();
    assert_int_equal(world.console.signals & SIGNAL_VMM, SIGNAL_VMM);
    assert_int_equal(world.line.changes, 3);
}

static void test_wide(void **unused)
{
    (void)unused;
    world_begin();
    struct console *c = &world.console;
    console_write(c, UART_LCR, 2, 0x0383); // LCR with DLAB, MCR
    console_write(c, UART_DATA, 2, 0x1234);
    assert_int_equal(console_read(c, UART_DATA, 4) & 0xff00ffff, 0x83001234);
    assert_int_equal(console_read(c, UART_SCR, 2), 0xff00); // nothing lies behind
    console_write(c, UART_SCR, 4, 0x11223344);
    assert_int_equal(console_read(c, UART_SCR, 1), 0x44);
    assert_int_equal(console_read(c, 100, 1), 0xff);
}

// The status register, read again and again, commits nothing.
static void test_pure_reads(void **unused)
{
    (void)unused;
    world_begin();
    assert_false(world.console.changed);
    for (int i = 0; i < 3; i++)
        console_read(&world.console, UART_LSR, 1);
    console_read(&world.console, UART_MSR, 1);
    assert_false(world.console.changed);
    assert_true(world.console.input_idle);
}

static int random_kill(void)
{
    return rand() % 8 < 6 ? 0 : rand() % 2 + 1;
}

static void test_killed(void **unused)
{
    (void)unused;
    uint64_t typed = 0, seen = 0, sent = 0;
    srand(2);
    world_begin();
    enable(UART_IER_RX | UART_IER_THRE);
    for (int i = 0; i < 200000; i++) {
        switch (rand() % 8) {
        case 0: typed += world_type(letter(typed)); break;
        case 1: assert_int_equal(world_show((uint32_t)rand() % 8), 0); break;
        case 2:
        case 3:
            if (world_read(UART_LSR, random_kill()) & UART_LSR_THRE)
                world_write(UART_DATA, letter(sent++), random_kill());
            break;
        case 4:
        case 5:
            if (world_read(UART_LSR, random_kill()) & UART_LSR_DR)
                assert_int_equal(world_read(UART_DATA, random_kill()), letter(seen++));
            break;
        case 6: world_read(UART_IIR, random_kill()); break;
        default: world_commit(random_kill()); break;
        }
    }
    assert_int_equal(world_show(STREAM_KEPT), 0);
    assert_int_equal(world.got_bytes, sent);
    for (uint64_t i = 0; i < sent; i++)
        assert_int_equal((uint8_t)world.got[i], letter(i));
    while (world_read(UART_LSR, 0) & UART_LSR_DR)
        assert_int_equal(world_read(UART_DATA, 0), letter(seen++));
    assert_int_equal(seen, typed);
    assert_true(seen > 10000 && sent > 10000);
}

// A terminal that publishes nonsense holds nobody, and the console neither spins nor loses its place.
static void test_wicked_terminal(void **unused)
{
    (void)unused;
    world_begin();
    enable(UART_IER_RX);
    world_type('a');
    (void)!ring_publish_produced(&world.to_console, UINT64_C(1) << 40);
    stream_tell(&world.from_console, UINT64_C(1) << 50);
    console_stir(&world.console);
    assert_int_equal(world_read(UART_DATA, 0), 'a');
    assert_int_equal(world_read(UART_DATA, 0), 0);
    world_write(UART_DATA, 'x', 0);
    assert_int_equal(world_read(UART_LSR, 0) & UART_LSR_THRE, UART_LSR_THRE);
    (void)!ring_publish_produced(&world.to_console, 1);
    console_stir(&world.console);
    world_commit(0);
    world_show(10);
    assert_true(world_got("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),        cmocka_unit_test(test_nobody_reads),
        cmocka_unit_test(test_guest_is_slow), cmocka_unit_test(test_line_page),
        cmocka_unit_test(test_wide),          cmocka_unit_test(test_pure_reads),
        cmocka_unit_test(test_killed),        cmocka_unit_test(test_wicked_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
