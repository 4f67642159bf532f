// IOAPIC: registers, edge and level, masks, remote IRR and every way to clear it, messages
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/ioapic.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "servers/vmm/irq/ioapic.h"

enum { SELECT = 0, WINDOW = 0x10, EOI = 0x40 };
enum { PIN = 5 };

static struct ioapic io;
static struct irq_message message;

static void put(uint8_t reg, uint32_t value)
{
    ioapic_write(&io, SELECT, 4, reg);
    ioapic_write(&io, WINDOW, 4, value);
}

static uint32_t get(uint8_t reg)
{
    ioapic_write(&io, SELECT, 4, reg);
    return (uint32_t)ioapic_read(&io, WINDOW, 4);
}

static void route(unsigned pin, uint32_t low)
{
    put((uint8_t)(0x10 + 2 * pin), low);
}

static uint32_t entry(unsigned pin)
{
    return get((uint8_t)(0x10 + 2 * pin));
}

static bool next(void)
{
    return ioapic_next(&io, &message);
}

static void edge(unsigned pin)
{
    ioapic_set_line(&io, pin, false);
    ioapic_set_line(&io, pin, true);
}

static int setup(void **state)
{
    (void)state;
    memset(&io, 0xff, sizeof io);
    ioapic_power_up(&io);
    return 0;
}

static void registers(void **state)
{
    (void)state;
    assert_int_equal(get(1), 0x00170020);
    put(1, 0xffffffff);
    assert_int_equal(get(1), 0x00170020);
    put(0, 0xffffffff);
    assert_int_equal(get(0), 0x0f000000);
    assert_int_equal(get(2), 0x0f000000); // loaded with the ID
    put(2, 0);
    assert_int_equal(get(2), 0x0f000000);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(entry(pin), REDIR_MASKED);
        put((uint8_t)(0x10 + 2 * pin), 0xffffffff);
        put((uint8_t)(0x11 + 2 * pin), 0xffffffff);
        assert_int_equal(entry(pin), 0x1afff);
        assert_int_equal(get((uint8_t)(0x11 + 2 * pin)), 0xff000000);
    }
    put(0x40, 0xffffffff); // behind the last entry
    assert_int_equal(get(0x40), 0);
    assert_int_equal(get(3), 0);
    put(3, 1);
}

static void access_sizes(void **state)
{
    (void)state;
    ioapic_write(&io, SELECT, 1, 0x10);
    assert_int_equal(ioapic_read(&io, SELECT, 4), 0x10);
    ioapic_write(&io, WINDOW, 1, 0x33); // the window takes dwords only
    ioapic_write(&io, WINDOW, 8, 0x33);
    assert_int_equal(ioapic_read(&io, WINDOW, 4), REDIR_MASKED);
    ioapic_write(&io, WINDOW, 4, 0x10033);
    assert_int_equal(ioapic_read(&io, WINDOW, 1), 0x33);
    assert_int_equal(ioapic_read(&io, WINDOW, 2), 0x0033);
    assert_int_equal(ioapic_read(&io, WINDOW, 8), 0x10033);
    assert_int_equal(ioapic_read(&io, WINDOW + 4, 4), 0);
    assert_int_equal(ioapic_read(&io, 0x20, 4), 0);
    assert_int_equal(ioapic_read(&io, EOI, 4), 0); // write-only
    ioapic_write(&io, WINDOW + 4, 4, 0);
    assert_int_equal(ioapic_read(&io, WINDOW, 4), 0x10033);
}

static void edge_sends_once(void **state)
{
    (void)state;
    put(0x11 + 2 * PIN, 0x03000000);
    route(PIN, 0x55);
    edge(PIN);
    assert_int_equal(entry(PIN), REDIR_PENDING | 0x55);
    assert_true(next());
    assert_int_equal(message.vector, 0x55);
    assert_int_equal(message.dest, 3);
    assert_int_equal(message.delivery, IRQ_FIXED);
    assert_int_equal(message.shorthand, IRQ_DEST);
    assert_false(message.logical);
    assert_false(message.level);
    assert_int_equal(entry(PIN), 0x55);
    assert_false(next());
    ioapic_set_line(&io, PIN, true);
    assert_false(next());
    edge(PIN);
    assert_true(next());
}

static void edge_on_a_masked_pin_is_lost(void **state)
{
    (void)state;
    route(PIN, REDIR_MASKED | 0x55);
    edge(PIN);
    route(PIN, 0x55);
    assert_false(next());
    edge(PIN);
    route(PIN, REDIR_MASKED | 0x55); // masked before it left
    route(PIN, 0x55);
    assert_false(next());
}

static void level_handshake(void **state)
{
    (void)state;
    route(PIN, REDIR_LEVEL | 0x55);
    ioapic_set_line(&io, PIN, true);
    assert_true(next());
    assert_true(message.level);
    assert_int_equal(entry(PIN), REDIR_LEVEL | REDIR_REMOTE_IRR | 0x55);
    assert_false(next());
    ioapic_set_line(&io, PIN, false);
    ioapic_set_line(&io, PIN, true);
    assert_false(next()); // not before the EOI
    ioapic_eoi(&io, 0x54);
    assert_false(next()); // somebody else's
    ioapic_eoi(&io, 0x55);
    assert_true(next()); // still asserted: again
    ioapic_set_line(&io, PIN, false);
    ioapic_eoi(&io, 0x55);
    assert_int_equal(entry(PIN), REDIR_LEVEL | 0x55);
    assert_false(next());
}

static void level_waits_behind_the_mask(void **state)
{
    (void)state;
    route(PIN, REDIR_MASKED | REDIR_LEVEL | 0x55);
    ioapic_set_line(&io, PIN, true);
    assert_false(next());
    route(PIN, REDIR_LEVEL | 0x55);
    assert_true(next());
    route(PIN, REDIR_MASKED | REDIR_LEVEL | 0x55);
    assert_int_equal(entry(PIN), REDIR_MASKED | REDIR_LEVEL | REDIR_REMOTE_IRR | 0x55);
    ioapic_eoi(&io, 0x55); // clears although masked
    assert_int_equal(entry(PIN), REDIR_MASKED | REDIR_LEVEL | 0x55);
    assert_false(next());
    route(PIN, REDIR_LEVEL | 0x55);
    assert_true(next());
}

static void remote_irr_is_read_only(void **state)
{
    (void)state;
    route(PIN, REDIR_LEVEL | REDIR_REMOTE_IRR | REDIR_PENDING | 0x55);
    assert_int_equal(entry(PIN), REDIR_LEVEL | 0x55);
    ioapic_set_line(&io, PIN, true);
    assert_true(next());
    route(PIN, REDIR_LEVEL | 0x55);
    put(0x11 + 2 * PIN, 0x01000000); // a new destination leaves it alone
    assert_int_equal(entry(PIN), REDIR_LEVEL | REDIR_REMOTE_IRR | 0x55);
}

// What Linux does to an IOAPIC without EOI register: mask and edge, then back.
static void edge_and_back_clears_remote_irr(void **state)
{
    (void)state;
    route(PIN, REDIR_LEVEL | 0x55);
    ioapic_set_line(&io, PIN, true);
    assert_true(next());
    route(PIN, REDIR_MASKED | 0x55);
    assert_int_equal(entry(PIN), REDIR_MASKED | 0x55);
    route(PIN, REDIR_LEVEL | 0x55);
    assert_true(next());
    route(PIN, 0x55);
    assert_false(next()); // high, but no edge
}

static void eoi_register(void **state)
{
    (void)state;
    route(PIN, REDIR_LEVEL | 0x55);
    route(PIN + 1, REDIR_LEVEL | 0x55); // the same vector: both end
    ioapic_set_line(&io, PIN, true);
    ioapic_set_line(&io, PIN + 1, true);
    assert_true(next());
    assert_true(next());
    assert_false(next());
    ioapic_write(&io, EOI, 4, 0x55);
    assert_true(next());
    assert_true(next());
    assert_false(next());
}

static void delivery_modes(void **state)
{
    static const struct {
        uint8_t mode;
        bool level; // may be level-triggered
    } row[] = {{IRQ_FIXED, true}, {IRQ_LOWEST, true}, {IRQ_SMI, false},
               {IRQ_NMI, false},  {IRQ_INIT, false},  {IRQ_EXTINT, false}};

    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
        setup(NULL);
        put(0x11 + 2 * PIN, 0xff000000);
        route(PIN, REDIR_LEVEL | REDIR_LOGICAL | (uint32_t)row[i].mode << 8 | 0x55);
        edge(PIN);
        assert_true(next());
        assert_int_equal(message.delivery, row[i].mode);
        assert_int_equal(message.dest, IRQ_BROADCAST);
        assert_true(message.logical);
        assert_int_equal(message.level, row[i].level);
        assert_int_equal((entry(PIN) & REDIR_REMOTE_IRR) != 0, row[i].level);
        edge(PIN);
        assert_int_equal(next(), !row[i].level);
    }
}

static void polarity_means_nothing_here(void **state)
{
    (void)state;
    route(PIN, REDIR_POLARITY | 0x55);
    assert_false(next());
    edge(PIN);
    assert_true(next());
    assert_int_equal(entry(PIN), REDIR_POLARITY | 0x55);
}

static void lower_pins_first(void **state)
{
    (void)state;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        route(pin, 0x40 + pin);
    for (unsigned pin = IOAPIC_PINS; pin-- > 0;)
        edge(pin);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_true(next());
        assert_int_equal(message.vector, 0x40 + pin);
    }
    assert_false(next());
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers),
        TEST(access_sizes),
        TEST(edge_sends_once),
        TEST(edge_on_a_masked_pin_is_lost),
        TEST(level_handshake),
        TEST(level_waits_behind_the_mask),
        TEST(remote_irr_is_read_only),
        TEST(edge_and_back_clears_remote_irr),
        TEST(eoi_register),
        TEST(delivery_modes),
        TEST(polarity_means_nothing_here),
        TEST(lower_pins_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
