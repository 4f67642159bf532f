// The 16550A: registers, interrupts, what Linux's driver asks of it, and that no byte is lost
// SPDX-License-Identifier: MIT
// LINK: servers/console/uart16550.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/uart_world.h"

static struct world power_up(void)
{
    struct world w = {.room = UART_FIFO};

    uart_reset(&w.uart);
    return w;
}

// A driver that takes interrupts: FIFOs on, trigger at 14, all sources on.
static struct world driven(void)
{
    struct world w = power_up();

    world_write(&w, UART_FCR, 0xc1);
    world_write(&w, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
    world_write(&w, UART_IER, UART_IER_RX | UART_IER_LINE);
    return w;
}

static void test_power_up(void **unused)
{
    (void)unused;
    struct world w = power_up();
    static const uint8_t expected[UART_REGISTERS] = {0, 0, UART_IIR_NONE, 0x03, 0, 0x60, 0xb0, 0};

    for (unsigned reg = 0; reg < UART_REGISTERS; reg++) {
        assert_int_equal(world_read(&w, reg), expected[reg]);
    }
    assert_int_equal(w.uart.line, 0);
}

static void test_registers_hold_what_they_can(void **unused)
{
    (void)unused;
    struct world w = power_up();
    static const struct {
        uint8_t reg;
        uint8_t lcr;
        uint8_t mask;
    } cases[] = {{UART_SCR, 0x03, 0xff},  {UART_IER, 0x03, 0x0f}, {UART_MCR, 0x03, 0x1f},
                 {UART_DATA, 0x83, 0xff}, {UART_IER, 0x83, 0xff}, {UART_LCR, 0x03, 0xff}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned value = 0; value < 256; value++) {
            world_write(&w, UART_LCR, cases[i].lcr);
            world_write(&w, cases[i].reg, (uint8_t)value);
            assert_int_equal(world_read(&w, cases[i].reg), value & cases[i].mask);
        }
        world_write(&w, UART_LCR, 0x03);
        world_write(&w, UART_MCR, 0);
        world_write(&w, UART_IER, 0);
    }
    world_write(&w, UART_LCR, 0x83);
    world_write(&w, UART_DATA, 0x12);
    world_write(&w, UART_IER, 0x34);
    assert_int_equal(world_read(&w, UART_DATA), 0x12);
    assert_int_equal(world_read(&w, UART_IER), 0x34);
    assert_int_equal(w.out_end, 0);
    world_write(&w, UART_LSR, 0xff); // for the factory
    world_write(&w, UART_MSR, 0xff);
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
}

static void test_width_masks_both_ways(void **unused)
{
    (void)unused;
    for (uint8_t lcr = 0; lcr < 4; lcr++) {
        struct world w = driven();
        uint8_t in = 0xff;
        world_write(&w, UART_LCR, lcr);
        world_write(&w, UART_DATA, 0xff);
        assert_int_equal(w.out[0], 0xff >> (3 - lcr));
        assert_int_equal(w.out_position, 1);
        assert_int_equal(uart_receive(&w.uart, &in, 1), 1);
        assert_int_equal(uart_read(&w.uart, UART_DATA).value, 0xff >> (3 - lcr));
    }
}

static void test_receive_interrupts(void **unused)
{
    (void)unused;
    static const uint8_t levels[] = {1, 4, 8, 14};

    for (unsigned i = 0; i < 4; i++) {
        struct world w = driven();
        world_write(&w, UART_FCR, (uint8_t)(i << 6 | 1));
        for (unsigned count = 1; count <= UART_FIFO; count++) {
            w.in_end++;
            world_settle(&w);
            assert_int_equal(w.uart.line, 1);
            assert_int_equal(world_read(&w, UART_IIR), count >= levels[i] ? 0xc4 : 0xcc);
        }
        assert_int_equal(w.uart.line_rises, 1);
        while (world_read(&w, UART_LSR) & UART_LSR_DR) {
            (void)world_read(&w, UART_DATA);
        }
        assert_int_equal(w.in_position, 16);
        assert_int_equal(world_read(&w, UART_IIR), 0xc1);
        assert_int_equal(w.uart.line, 0);
    }
    // The 16450 has room for one and no timeout.
    struct world w = driven();
    world_write(&w, UART_FCR, 0);
    w.in_end = 3;
    for (unsigned i = 0; i < 3; i++) {
        world_settle(&w);
        assert_int_equal(w.uart.rx_count, 1);
        assert_int_equal(world_read(&w, UART_IIR), 0x04);
        assert_int_equal(world_read(&w, UART_DATA), world_input(i));
    }
    assert_int_equal(world_read(&w, UART_IIR), 0x01);
}

// Input beyond the FIFO waits with the host; there is no overrun.
static void test_input_waits(void **unused)
{
    (void)unused;
    struct world w = driven();

    w.in_end = 1000;
    world_settle(&w);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(world_read(&w, UART_LSR), 0x61);
        assert_int_equal(world_read(&w, UART_DATA), world_input(i));
    }
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    assert_int_equal(world_read(&w, UART_DATA), 0);
    assert_int_equal(w.in_position, 1000);
}

// A driver that starts or stops throws away what it finds: it finds nothing.
static void test_input_waits_for_a_listener(void **unused)
{
    (void)unused;
    struct world w = power_up();

    w.in_end = 100;
    world_settle(&w);
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    assert_int_equal(world_read(&w, UART_DATA), 0);
    world_write(&w, UART_FCR, 0x07);
    world_write(&w, UART_IER, UART_IER_RX); // listens
    assert_int_equal(w.uart.rx_count, 16);
    assert_int_equal(world_read(&w, UART_DATA), world_input(0));
    world_write(&w, UART_IER, 0);
    world_write(&w, UART_FCR, 0x07);
    assert_int_equal(w.uart.rx_count, 0);
    assert_int_equal(world_read(&w, UART_DATA), 0);
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    assert_int_equal(world_read(&w, UART_SCR), 0);
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    assert_int_equal(world_read(&w, UART_LSR),
                     0x60); // so does Linux's driver, then reads what it throws away
    assert_int_equal(world_read(&w, UART_DATA), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(world_read(&w, UART_LSR), 0x60); // polls
    }
    assert_int_equal(world_read(&w, UART_LSR), 0x61);
    for (unsigned i = 1; i < 100; i++) {
        assert_int_equal(world_read(&w, UART_DATA), world_input(i));
    }
    assert_int_equal(w.in_position, 100);
}

// Who polls for room to write doesn't poll for input.
static void test_waiting_for_room_is_no_listening(void **unused)
{
    (void)unused;
    struct world w = power_up();

    w.in_end = 5;
    w.room = 0;
    world_write(&w, UART_DATA, 'x');
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(world_read(&w, UART_LSR), 0);
    }
    assert_int_equal(w.uart.rx_count, 0);
}

static void test_thre_interrupt(void **unused)
{
    (void)unused;
    struct world w = driven();

    world_write(&w, UART_IER, UART_IER_THRE); // enabling raises it
    assert_int_equal(w.uart.line, 1);
    assert_int_equal(world_read(&w, UART_IIR), 0xc2); // reading clears it
    assert_int_equal(w.uart.line, 0);
    assert_int_equal(world_read(&w, UART_IIR), 0xc1);
    world_write(&w, UART_IER, UART_IER_THRE); // it was enabled
    assert_int_equal(world_read(&w, UART_IIR), 0xc1);
    world_write(&w, UART_DATA, 'a'); // sent at once: empty again
    assert_int_equal(w.uart.line, 1);
    assert_int_equal(w.uart.line_rises, 2);
    world_write(&w, UART_DATA, 'b'); // cleared, and raised again: an edge
    assert_int_equal(w.uart.line_rises, 3);
    assert_int_equal(world_read(&w, UART_LSR), 0x60); // doesn't clear it
    world_write(&w, UART_IER, 0);
    assert_int_equal(w.uart.line, 0);
    world_write(&w, UART_IER, UART_IER_THRE);
    assert_int_equal(world_read(&w, UART_IIR), 0xc2);
    world_write(&w, UART_IER, 0);
    world_write(&w, UART_IER, UART_IER_THRE); // re-raised: no UART_BUG_THRE
    assert_int_equal(world_read(&w, UART_IIR), 0xc2);
}

static void test_output_waits_for_the_host(void **unused)
{
    (void)unused;
    struct world w = driven();

    world_write(&w, UART_IER, UART_IER_THRE);
    (void)world_read(&w, UART_IIR);
    w.room = 0;
    for (unsigned i = 0; i < UART_FIFO; i++) {
        world_write(&w, UART_DATA, (uint8_t)('a' + i));
        assert_int_equal(world_read(&w, UART_LSR), 0);
        assert_int_equal(world_read(&w, UART_IIR), 0xc1);
    }
    world_write(&w, UART_DATA, '!'); // full, and LSR said so
    world_write(&w, UART_FCR, 0xc7); // takes nothing back
    world_write(&w, UART_MCR, UART_MCR_LOOP);
    world_write(&w, UART_MCR, UART_MCR_OUT2);
    w.room = 5;
    world_settle(&w);
    assert_int_equal(w.out_position, 5);
    assert_int_equal(world_read(&w, UART_LSR), 0);
    world_settle(&w);
    world_settle(&w);
    assert_int_equal(w.uart.line, 1);
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    assert_int_equal(world_read(&w, UART_IIR), 0xc2);
    assert_int_equal(w.out_position, 16);
    assert_int_equal(w.out_position, w.out_end);
    // 16450: one byte
    world_write(&w, UART_FCR, 0);
    w.room = 0;
    world_write(&w, UART_DATA, '1');
    world_write(&w, UART_DATA, '2');
    assert_int_equal(w.uart.tx_count, 1);
}

static void test_priorities(void **unused)
{
    (void)unused;
    struct world w = driven();

    world_write(&w, UART_IER, 0x0f);
    world_write(&w, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
    for (unsigned i = 0; i <= UART_FIFO; i++)
        world_write(&w, UART_DATA, 'x');
    world_write(&w, UART_MCR, UART_MCR_OUT2);
    world_must(uart_read(&w.uart, UART_MSR).changed);
    world_write(&w, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
    world_write(&w, UART_MCR, UART_MCR_OUT2); // CTS and DSR went and came back
    assert_int_equal(world_read(&w, UART_IIR), 0xc6);
    assert_int_equal(world_read(&w, UART_LSR), 0x60 | UART_LSR_OE | UART_LSR_DR);
    assert_int_equal(world_read(&w, UART_LSR), 0x61);
    assert_int_equal(world_read(&w, UART_IIR), 0xc4);
    for (unsigned i = 0; i < UART_FIFO; i++)
        assert_int_equal(world_read(&w, UART_DATA), 'x');
    assert_int_equal(world_read(&w, UART_IIR), 0xc2);
    assert_int_equal(world_read(&w, UART_IIR), 0xc0);
    assert_int_equal(world_read(&w, UART_MSR), 0xb0 | UART_MSR_DCTS | UART_MSR_DDSR);
    assert_int_equal(world_read(&w, UART_IIR), 0xc1);
    assert_int_equal(w.uart.line, 0);
}

static void test_loopback_modem_lines(void **unused)
{
    (void)unused;
    for (unsigned out = 0; out < 16; out++) {
        struct world w = power_up();
        world_write(&w, UART_MCR, UART_MCR_LOOP);
        (void)world_read(&w, UART_MSR);
        world_write(&w, UART_MCR, (uint8_t)(UART_MCR_LOOP | out));
        uint8_t lines = (uint8_t)((out & 2 ? 0x10 : 0) | (out & 1 ? 0x20 : 0) | (out & 4 ? 0x40 : 0) |
                                  (out & 8 ? 0x80 : 0));
        assert_int_equal(world_read(&w, UART_MSR), lines | (lines >> 4 & 0x0b));
        assert_int_equal(world_read(&w, UART_MSR), lines);
        world_write(&w, UART_MCR, UART_MCR_LOOP);
        assert_int_equal(world_read(&w, UART_MSR), lines >> 4); // RI tells of its trailing edge
    }
}

static void test_loopback_data(void **unused)
{
    (void)unused;
    struct world w = driven();

    world_write(&w, UART_IER, UART_IER_LINE);
    world_write(&w, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
    for (unsigned i = 0; i < 20; i++) {
        world_write(&w, UART_DATA, (uint8_t)i);
        assert_int_equal(w.uart.overrun, i >= 16);
    }
    assert_int_equal(w.uart.line, 0); // OUT2 is off its pin
    assert_int_equal(world_read(&w, UART_IIR), 0xc6);
    assert_int_equal(world_read(&w, UART_LSR), 0x61 | UART_LSR_OE);
    assert_int_equal(world_read(&w, UART_LSR), 0x61);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(world_read(&w, UART_DATA), i);
    }
    assert_int_equal(world_read(&w, UART_LSR), 0x60);
    world_write(&w, UART_FCR, 0);
    world_write(&w, UART_DATA, 'a');
    world_write(&w, UART_DATA, 'b');
    assert_int_equal(world_read(&w, UART_LSR), 0x61 | UART_LSR_OE);
    assert_int_equal(world_read(&w, UART_DATA), 'b');
    assert_int_equal(w.out_end, 0);
}

static unsigned linux_fifo_size(struct world *w)
{
    unsigned count = 0;

    world_write(w, UART_LCR, 0);
    world_write(w, UART_FCR, 0x07);
    world_write(w, UART_MCR, UART_MCR_LOOP);
    world_write(w, UART_LCR, 0x83);
    world_write(w, UART_DATA, 1);
    world_write(w, UART_IER, 0);
    world_write(w, UART_LCR, 0x03);
    for (unsigned i = 0; i < 256; i++) {
        world_write(w, UART_DATA, (uint8_t)i);
    }
    while (world_read(w, UART_LSR) & UART_LSR_DR && count < 256) {
        (void)world_read(w, UART_DATA);
        count++;
    }
    return count;
}

// What drivers/tty/serial/8250 does to tell what chip it has: all of its questions that a 16550A answers.
static void test_linux_finds_a_16550a(void **unused)
{
    (void)unused;
    struct world w = power_up();

    w.in_end = 50; // somebody types already
    world_write(&w, UART_IER, 0);
    assert_int_equal(world_read(&w, UART_IER) & 0x0f, 0);
    world_write(&w, UART_IER, 0x0f);
    assert_int_equal(world_read(&w, UART_IER) & 0x0f, 0x0f);
    world_write(&w, UART_IER, 0);
    world_write(&w, UART_MCR, UART_MCR_LOOP | 0x0a);
    assert_int_equal(world_read(&w, UART_MSR) & 0xf0, 0x90);
    world_write(&w, UART_MCR, 0);
    world_write(&w, UART_LCR, 0xbf);
    world_write(&w, UART_FCR, 0);
    world_write(&w, UART_LCR, 0);
    world_write(&w, UART_FCR, 0x01);
    assert_int_equal(world_read(&w, UART_IIR) >> 6, 3); // FIFOs that work: not a 16550
    world_write(&w, UART_LCR, 0x80);
    assert_int_not_equal(world_read(&w, UART_FCR), 0); // no EFR: not a 16650
    world_write(&w, UART_LCR, 0xbf);
    assert_int_not_equal(world_read(&w, UART_FCR), 0); // nor a 16850
    world_write(&w, UART_LCR, 0);
    uint8_t mcr = world_read(&w, UART_MCR);
    world_write(&w, UART_MCR, mcr ^ UART_MCR_LOOP);
    world_write(&w, UART_LCR, 0xe0);
    assert_int_equal((world_read(&w, UART_IIR) ^ mcr) & UART_MCR_LOOP, 0); // no second bank: not an NS16550A
    world_write(&w, UART_LCR, 0);
    world_write(&w, UART_MCR, mcr);
    world_write(&w, UART_FCR, 0x21);
    assert_int_equal(world_read(&w, UART_IIR) >> 5, 6);
    world_write(&w, UART_FCR, 0x01);
    world_write(&w, UART_LCR, 0x80);
    world_write(&w, UART_FCR, 0x21);
    assert_int_equal(world_read(&w, UART_IIR) >> 5, 6); // no 64 bytes: not a 16750
    world_write(&w, UART_FCR, 0x01);
    world_write(&w, UART_LCR, 0);
    world_write(&w, UART_IER, 0x40);
    assert_int_equal(world_read(&w, UART_IER), 0); // no unit enable: not an XScale
    assert_int_equal(linux_fifo_size(&w), 16);
    assert_int_equal(w.in_position, 0);
    assert_int_equal(w.out_end, 0);
}

// And what it does to start a port; input that was typed before is there afterwards.
static void test_linux_starts_a_port(void **unused)
{
    (void)unused;
    struct world w = power_up();

    w.in_end = 50;
    for (unsigned opened = 0; opened < 3; opened++) {
        world_write(&w, UART_FCR, 0x01);
        world_write(&w, UART_FCR, 0x07);
        world_write(&w, UART_FCR, 0x00);
        static const uint8_t clear[] = {UART_LSR, UART_DATA, UART_IIR, UART_MSR};
        for (unsigned i = 0; i < 4; i++) {
            (void)world_read(&w, clear[i]);
        }
        assert_int_not_equal(world_read(&w, UART_LSR), 0xff);
        world_write(&w, UART_IER, UART_IER_THRE);
        uint8_t first = world_read(&w, UART_IIR);
        world_write(&w, UART_IER, 0);
        world_write(&w, UART_IER, UART_IER_THRE);
        uint8_t second = world_read(&w, UART_IIR);
        world_write(&w, UART_IER, 0);
        assert_false(!(first & 1) && second & 1); // UART_BUG_THRE
        world_write(&w, UART_LCR, 0x03);
        world_write(&w, UART_MCR, 0x0b);
        world_write(&w, UART_IER, UART_IER_THRE);
        assert_false(world_read(&w, UART_LSR) & UART_LSR_TEMT &&
                     world_read(&w, UART_IIR) & 1); // UART_BUG_TXEN
        world_write(&w, UART_IER, 0);
        for (unsigned i = 0; i < 4; i++) {
            (void)world_read(&w, clear[i]);
        }
        world_write(&w, UART_FCR, 0x81);
        world_write(&w, UART_IER, UART_IER_RX | UART_IER_LINE);
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(w.uart.line, 1);
            assert_int_equal(world_read(&w, UART_DATA), world_input(10 * opened + i));
        }
        world_write(&w, UART_IER, 0);
        world_write(&w, UART_MCR, 0x09);
        world_write(&w, UART_FCR, 0x01);
        world_write(&w, UART_FCR, 0x07);
        world_write(&w, UART_FCR, 0x00);
        (void)world_read(&w, UART_DATA);
    }
    assert_int_equal(w.in_position, 30);
}

// Any accesses in any order, a host that stalls: uart_world.h counts the bytes.
static void test_any_guest(void **unused)
{
    (void)unused;
    uint64_t random = 0x1234567;
    struct world w = power_up();

    for (unsigned i = 0; i < 400000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        unsigned reg = random >> 8 & 7;
        uint8_t value = (uint8_t)(random >> 16);
        if (reg == UART_LCR) {
            value &= 0x83;
        }
        switch (random >> 32 & 7) {
        case 0: w.room = random >> 40 & 15; break;
        case 1: w.in_end += w.in_end - w.in_position < 100 ? (uint32_t)(random >> 40 & 15) : 0; break;
        case 2:
        case 3: world_write(&w, reg, value); break;
        default: (void)world_read(&w, reg); break;
        }
        world_settle(&w);
    }
    print_message("%u bytes in, %u bytes out\n", w.in_position, w.out_position);
    assert_true(w.in_position > 1000 && w.out_position > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_up),
        cmocka_unit_test(test_registers_hold_what_they_can),
        cmocka_unit_test(test_width_masks_both_ways),
        cmocka_unit_test(test_receive_interrupts),
        cmocka_unit_test(test_input_waits),
        cmocka_unit_test(test_input_waits_for_a_listener),
        cmocka_unit_test(test_waiting_for_room_is_no_listening),
        cmocka_unit_test(test_thre_interrupt),
        cmocka_unit_test(test_output_waits_for_the_host),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_loopback_modem_lines),
        cmocka_unit_test(test_loopback_data),
        cmocka_unit_test(test_linux_finds_a_16550a),
        cmocka_unit_test(test_linux_starts_a_port),
        cmocka_unit_test(test_any_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
