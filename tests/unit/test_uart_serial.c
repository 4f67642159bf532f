// The serial line's driver on a modelled 16550: interrupts as edges, full rings, death at any access
// SPDX-License-Identifier: MIT
// LINK: servers/drivers/uart/serial.c servers/console/uart16550.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/console/uart16550.h"
#include "servers/drivers/uart/ports.h"
#include "servers/drivers/uart/serial.h"

enum { CAPACITY = 32, MEMORY = sizeof(struct ring_shared) + CAPACITY };

static struct {
    struct uart device;
    _Alignas(64) uint8_t output[MEMORY];
    _Alignas(64) uint8_t input[MEMORY];
    struct ring to_line, from_line; // the console's ends
    uint64_t typed, seen;           // characters that the line's other end sent and got
    uint64_t printed, read;         // that the console sent and got
    uint64_t accesses, cut;         // the driver dies in front of this access
    bool slow;                      // the line takes characters only when told to
    bool missing;                   // nothing is at the ports
    jmp_buf out;
} w;

static uint8_t letter(uint64_t number)
{
    return (uint8_t)(number * 0x9e3779b1u >> 13);
}

static void line_takes(void)
{
    uint8_t sent[UART_FIFO];
    unsigned n = uart_transmit(&w.device, sent, UART_FIFO);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(sent[i], letter(w.seen++));
}

static bool line_types(void)
{
    uint8_t byte = letter(w.typed);
    w.device.polls = 1; // hardware takes what comes, wanted or not
    unsigned n = uart_receive(&w.device, &byte, 1);
    w.typed += n;
    return n;
}

static void access_begins(void)
{
    if (++w.accesses == w.cut)
        longjmp(w.out, 1);
}

uint8_t port_read(unsigned offset)
{
    access_begins();
    return w.missing ? 0xff : (uint8_t)uart_read(&w.device, offset).value;
}

void port_write(unsigned offset, uint8_t value)
{
    access_begins();
    uart_write(&w.device, offset, value);
    if (!w.slow)
        line_takes();
}

void port_take(unsigned offset, uint8_t *to, uint64_t *position, uint64_t value)
{
    *to = port_read(offset);
    *position = value;
}

void port_give(unsigned offset, uint8_t byte, uint64_t *position, uint64_t value)
{
    port_write(offset, byte);
    *position = value;
}

static void console_opens(void)
{
    assert_true(ring_open(&w.to_line, w.output, MEMORY, CAPACITY, 1, ring_last_produced(w.output)));
    assert_true(ring_open(&w.from_line, w.input, MEMORY, CAPACITY, 1, ring_last_consumed(w.input)));
}

static void driver_starts(struct serial *s)
{
    assert_true(
        ring_open(&s->output, w.output, MEMORY, CAPACITY, 1, ring_resume_consuming(w.output, CAPACITY)));
    assert_true(ring_open(&s->input, w.input, MEMORY, CAPACITY, 1, ring_resume_producing(w.input, CAPACITY)));
    serial_start(s);
}

static void begin(struct serial *s)
{
    memset(&w, 0, sizeof w);
    uart_reset(&w.device);
    uart_write(&w.device, UART_FCR, UART_FCR_ENABLE); // as the kernel leaves it
    console_opens();
    driver_starts(s);
}

static bool console_prints(void)
{
    uint32_t room;
    uint8_t byte = letter(w.printed);
    assert_true(ring_room(&w.to_line, &room));
    if (!room)
        return false;
    ring_put(&w.to_line, w.printed++, &byte, 1);
    return ring_publish_produced(&w.to_line, w.printed);
}

static bool console_reads(uint32_t most)
{
    uint32_t count;
    assert_true(ring_filled(&w.from_line, &count));
    count = count < most ? count : most;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte;
        ring_get(&w.from_line, w.read, &byte, 1);
        assert_int_equal(byte, letter(w.read++));
    }
    return ring_publish_consumed(&w.from_line, w.read);
}

// What main() does between two waits; afterwards an edge or a signal is sure to come when there is work.
static void driver_runs(struct serial *s)
{
    while (serial_serve(s) || !serial_sleeps(s))
        ;
    assert_false(w.device.line);
}

static void test_takes_over(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    for (int i = 0; i < 10; i++)
        assert_true(line_types());
    driver_starts(&s);
    driver_runs(&s);
    console_reads(CAPACITY);
    assert_int_equal(w.read, 10);
    assert_true(s.peer_stirred);
}

// Where nothing is, all that is printed is dropped, and whoever prints is not held up.
static void test_missing(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    assert_true(serial_is_there());
    w.missing = true;
    assert_false(serial_is_there());
    for (unsigned i = 0; i < 5 * CAPACITY; i++) {
        (void)console_prints();
        serial_drop(&s);
        assert_int_equal(s.output.position, w.printed);
    }
    assert_int_equal(w.seen, 0);
}

// The FIFOs were off, with a character in the receiver.
static void test_turns_on(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    uart_write(&w.device, UART_FCR, 0);
    assert_true(line_types());
    assert_false(line_types());
    driver_starts(&s);
    assert_true(line_types());
    driver_runs(&s);
    console_reads(CAPACITY);
    assert_int_equal(w.read, 2);
}

static void test_input_waits(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    driver_runs(&s);
    while (line_types())
        if (w.device.line)
            driver_runs(&s);
    assert_int_equal(w.typed, CAPACITY + UART_FIFO); // then the device's own FIFO is full
    assert_true(s.stuffed);
    assert_true(console_reads(5)); // the driver asked to be told of room
    driver_runs(&s);
    assert_true(line_types());
    while (w.read < w.typed)
        if (console_reads(3) || w.device.line)
            driver_runs(&s);
    assert_false(s.stuffed);
    assert_true(line_types());
    for (int i = 0; i < 8; i++)
        line_types();
    assert_true(w.device.line);
}

static void test_output_waits(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    driver_runs(&s);
    w.slow = true;
    bool woken = false;
    for (int i = 0; i < CAPACITY; i++)
        woken |= console_prints();
    assert_true(woken);
    driver_runs(&s);
    assert_int_equal(w.device.tx_count, UART_FIFO);
    line_takes();
    assert_true(w.device.line); // the interrupt of an empty transmitter
    driver_runs(&s);
    line_takes();
    assert_int_equal(w.seen, CAPACITY);
}

// A peer that publishes nonsense keeps the driver neither busy nor from the other direction.
static void test_wicked_peer(void **unused)
{
    (void)unused;
    struct serial s;
    begin(&s);
    (void)!ring_publish_produced(&w.to_line, CAPACITY + 1);
    driver_runs(&s);
    assert_int_equal(w.seen, 0);
    for (int i = 0; i < 8; i++)
        assert_true(line_types());
    driver_runs(&s);
    console_reads(CAPACITY);
    assert_int_equal(w.read, 8);
    (void)!ring_publish_consumed(&w.from_line, w.read + 1);
    driver_runs(&s);
    assert_true(s.stuffed);
    (void)!ring_publish_produced(&w.to_line, 0);
    w.printed = 0;
    console_prints();
    driver_runs(&s);
    assert_int_equal(w.seen, 1);
}

// A driver that wrote its positions wildly before it died stops neither direction for the next one.
static void test_wild_positions(void **unused)
{
    static const uint64_t wild[] = {CAPACITY + 1, UINT64_C(1) << 32, UINT64_C(1) << 63};
    (void)unused;
    for (unsigned i = 0; i < sizeof wild / sizeof *wild; i++) {
        struct serial s;
        begin(&s);
        ((struct ring_shared *)(void *)w.output)->consumed = wild[i];
        ((struct ring_shared *)(void *)w.input)->produced = wild[i];
        driver_starts(&s);
        console_prints();
        assert_true(line_types());
        driver_runs(&s);
        line_takes();
        console_reads(1);
        assert_int_equal(w.seen, 1);
        assert_int_equal(w.read, 1);
    }
}

static void random_world(struct serial *s)
{
    switch (rand() % 6) {
    case 0: line_types(); break;
    case 1: console_prints(); break;
    case 2: console_reads((uint32_t)rand() % 9); break;
    case 3: line_takes(); break;
    default: driver_runs(s); break;
    }
}

// Killed before any access of its life, again and again: every character arrives once.
static void test_killed(void **unused)
{
    (void)unused;
    static struct serial s;
    srand(1);
    begin(&s);
    for (volatile int life = 0; life < 20000; life++) {
        w.slow = rand() % 2;
        w.cut = w.accesses + 1 + (uint64_t)rand() % 60;
        if (setjmp(w.out) == 0) {
            driver_starts(&s);
            for (;;)
                random_world(&s);
        }
    }
    w.cut = 0;
    w.slow = false;
    driver_starts(&s);
    while (w.read < w.typed || w.seen < w.printed) {
        driver_runs(&s);
        line_takes();
        console_reads(CAPACITY);
    }
    assert_true(w.typed > 5000 && w.printed > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_over),  cmocka_unit_test(test_turns_on),
        cmocka_unit_test(test_input_waits), cmocka_unit_test(test_output_waits),
        cmocka_unit_test(test_wicked_peer), cmocka_unit_test(test_wild_positions),
        cmocka_unit_test(test_killed),      cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
