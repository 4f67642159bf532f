// Keyboard controller without devices; the ports that reset and open A20
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/i8042.c servers/vmm/dev/reset_control.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/dev/i8042.h"
#include "servers/vmm/dev/reset_control.h"

static struct i8042 kbc;
static struct reset_control rc;

static uint32_t out8(uint16_t port, uint8_t value)
{
    struct io_access io = {.port = port, .size = 1, .value = value};
    return port == 0x92 || port == 0xcf9 ? reset_control_write(&rc, &io, 0) : i8042_write(&kbc, &io, 0);
}

static uint8_t in8(uint16_t port)
{
    struct io_access io = {.port = port, .size = 1};
    return (uint8_t)(port == 0x92 || port == 0xcf9 ? reset_control_read(&rc, &io, 0)
                                                   : i8042_read(&kbc, &io, 0))
        .value;
}

static uint8_t ask(uint8_t command)
{
    assert_int_equal(out8(0x64, command) & ~(uint32_t)PORT_LINE, 0);
    assert_int_equal(in8(0x64) & 0x01, 0x01);
    return in8(0x60);
}

static int setup(void **state)
{
    (void)state;
    i8042_reset(&kbc);
    reset_control_reset(&rc);
    return 0;
}

static void test_probe(void **state)
{
    (void)state;
    assert_int_equal(in8(0x64), 0x14); // empty, so a flush ends at once
    assert_int_equal(ask(0xaa), 0x55);
    assert_int_equal(in8(0x64) & 0x01, 0);
    assert_int_equal(ask(0xab), 0x00);
    assert_int_equal(ask(0xa9), 0x00);
    assert_int_equal(ask(0x20), 0x34);
    out8(0x64, 0x60);
    out8(0x60, 0x47);
    assert_int_equal(ask(0x20), 0x47);
    out8(0x64, 0xad);
    out8(0x64, 0xa7);
    assert_int_equal(ask(0x20), 0x77);
    out8(0x64, 0xae);
    out8(0x64, 0xa8);
    assert_int_equal(ask(0x20), 0x47);
    assert_int_equal(ask(0xc0), 0x80);
    out8(0x64, 0x65); // the controller's RAM behind the command byte
    out8(0x60, 0x5a);
    assert_int_equal(ask(0x25), 0x5a);
}

static void test_devices_are_absent(void **state)
{
    (void)state;
    out8(0x60, 0xff); // reset to the keyboard
    assert_int_equal(in8(0x64) & 0x61, 0x41);
    assert_int_equal(in8(0x60), 0xfe);
    assert_int_equal(in8(0x64) & 0x61, 0);
    out8(0x64, 0xd4);
    out8(0x60, 0xf2); // identify to the mouse
    assert_int_equal(in8(0x64) & 0x61, 0x61);
    assert_int_equal(in8(0x60), 0xfe);
}

static void test_loops_and_interrupts(void **state)
{
    (void)state;
    out8(0x64, 0x60);
    out8(0x60, 0x03); // both interrupts
    out8(0x64, 0xd3);
    assert_int_equal(out8(0x60, 0xa5), PORT_LINE);
    assert_true(i8042_auxiliary_line(&kbc));
    assert_false(i8042_keyboard_line(&kbc));
    assert_int_equal(in8(0x64) & 0x21, 0x21);
    struct io_access data = {.port = 0x60, .size = 1};
    struct io_result r = i8042_read(&kbc, &data, 0);
    assert_int_equal(r.value, 0xa5);
    assert_int_equal(r.effects, PORT_LINE);
    assert_false(i8042_auxiliary_line(&kbc));
    out8(0x64, 0xd2);
    out8(0x60, 0x1c);
    assert_true(i8042_keyboard_line(&kbc));
    assert_int_equal(ask(0xd0) & 0x30, 0x10); // shows in the output port
    out8(0x64, 0x60);
    out8(0x60, 0x00);
    out8(0x64, 0xd2);
    assert_int_equal(out8(0x60, 0x1c), 0); // disabled: no line
    assert_false(i8042_keyboard_line(&kbc));
}

static void test_system_flag(void **state)
{
    (void)state;
    out8(0x64, 0x60);
    assert_int_equal(in8(0x64) & 0x08, 0x08); // the last byte was a command
    out8(0x60, 0x00);
    assert_int_equal(in8(0x64) & 0x0c, 0x00);
    ask(0xaa);
    assert_int_equal(in8(0x64) & 0x04, 0x04);
}

static void test_a20_and_reset(void **state)
{
    (void)state;
    assert_true(i8042_a20(&kbc));
    out8(0x64, 0xd1);
    assert_int_equal(out8(0x60, 0xdd), PORT_A20);
    assert_false(i8042_a20(&kbc));
    out8(0x64, 0xd1);
    assert_int_equal(out8(0x60, 0xdf), PORT_A20);
    assert_true(i8042_a20(&kbc));
    assert_int_equal(out8(0x64, 0xfe), PORT_RESET); // pulse of the reset line
    assert_int_equal(out8(0x64, 0xff), 0);          // no line
    assert_int_equal(out8(0x64, 0xf1), 0);
    assert_int_equal(out8(0x64, 0xf0), PORT_RESET);
    out8(0x64, 0xd1);
    assert_int_equal(out8(0x60, 0x02), PORT_RESET);
}

static void test_command_cancels_the_awaited_byte(void **state)
{
    (void)state;
    out8(0x64, 0xd1);
    out8(0x64, 0xae);
    assert_int_equal(out8(0x60, 0x00), 0); // goes to the keyboard, not to the output port
    assert_true(i8042_a20(&kbc));
}

static void test_port92(void **state)
{
    (void)state;
    assert_int_equal(in8(0x92), 0);
    assert_int_equal(out8(0x92, 0x02), PORT_A20);
    assert_true(reset_control_a20(&rc));
    assert_int_equal(out8(0x92, 0x03), PORT_INIT);
    assert_int_equal(out8(0x92, 0x03), 0); // only the change does it
    assert_int_equal(out8(0x92, 0xf0), PORT_A20);
    assert_int_equal(in8(0x92), 0);
}

static void test_reset_control(void **state)
{
    (void)state;
    assert_int_equal(out8(0xcf9, 0x02), 0); // choose, then start
    assert_int_equal(out8(0xcf9, 0x06), PORT_RESET);
    assert_int_equal(in8(0xcf9), 0x06);
    assert_int_equal(out8(0xcf9, 0x06), 0); // no change from 0 to 1
    assert_int_equal(out8(0xcf9, 0x00), 0);
    assert_int_equal(out8(0xcf9, 0x04), PORT_INIT);
    out8(0xcf9, 0xf0);
    assert_int_equal(in8(0xcf9), 0);
    assert_int_equal(out8(0xcf9, RESET_VALUE), PORT_RESET); // what the FADT tells the guest to write
    reset_control_reset(&rc);
    assert_int_equal(out8(0xcf9, 0x0e), PORT_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_probe, setup),
        cmocka_unit_test_setup(test_devices_are_absent, setup),
        cmocka_unit_test_setup(test_loops_and_interrupts, setup),
        cmocka_unit_test_setup(test_system_flag, setup),
        cmocka_unit_test_setup(test_a20_and_reset, setup),
        cmocka_unit_test_setup(test_command_cancels_the_awaited_byte, setup),
        cmocka_unit_test_setup(test_port92, setup),
        cmocka_unit_test_setup(test_reset_control, setup),
    };
    return cmocka_run_group_tests_name("i8042", tests, NULL, NULL);
}
