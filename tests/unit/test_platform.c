// The fixed devices together: who answers at which port, splitting of accesses, lines, deadline, reset
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/platform.c servers/vmm/dev/port_device.c
// LINK: servers/vmm/dev/pit.c servers/vmm/dev/pit_counter.c servers/vmm/dev/rtc.c
// LINK: servers/vmm/dev/rtc_calendar.c servers/vmm/dev/pm.c servers/vmm/dev/i8042.c
// LINK: servers/vmm/dev/reset_control.c servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/platform.h"

#define S UINT64_C(1000000000)

static struct platform p;
static uint64_t now;

static struct io_result in(uint16_t port, uint8_t size)
{
    struct io_access io = {.port = port, .size = size};
    return port_read(platform_ports, platform_port_rows, &p, &io, now);
}

static uint32_t out(uint16_t port, uint8_t size, uint32_t value)
{
    struct io_access io = {.port = port, .size = size, .value = value};
    return port_write(platform_ports, platform_port_rows, &p, &io, now);
}

static int setup(void **state)
{
    (void)state;
    static const struct rtc_memory memory = {.below_4g = 256 << 20};
    now = 0;
    platform_power_up(&p, now, UINT64_C(1000000000) * S, &memory);
    return 0;
}

static void test_nobody_at_a_port(void **state)
{
    (void)state;
    assert_int_equal(in(0x80, 1).value, 0xff);
    assert_int_equal(in(0x80, 2).value, 0xffff);
    assert_int_equal(in(0x80, 4).value, 0xffffffff);
    assert_int_equal(in(0xfffe, 4).value, 0xffffffff); // wraps around, harms nobody
    assert_int_equal(out(0x80, 4, 0x12345678), 0);
    assert_int_equal(out(0xffff, 4, 0), 0);
}

static void test_wide_accesses_reach_several_devices(void **state)
{
    (void)state;
    out(0x70, 2, 0x5530); // index and data at once
    assert_int_equal(in(0x71, 1).value, 0x55);
    out(0x61, 1, 0x03);
    assert_int_equal(in(0x60, 2).value & 0xcfff, 0x0300); // keyboard data, then port 0x61
    assert_int_equal(in(0x63, 2).value, 0x14ff);          // nobody, then keyboard status
    assert_int_equal(in(0x92, 2).value, 0xff00);
    now = S;
    assert_int_equal(in(PM_TIMER_PORT, 4).value, 3579545);
    assert_int_equal(in(PM_TIMER_PORT - 2, 4).value >> 16, 3579545 & 0xffff); // crosses a dword
    out(0x43, 1, 0x34);
    out(0x40, 1, 0x78);
    out(0x40, 1, 0x56);
    now += 10000;
    out(0x42, 2, 0x00ff); // counter 2, then the control port: latch 0
    uint32_t latched = in(0x40, 1).value | in(0x40, 1).value << 8;
    assert_in_range(latched, 0x5678 - 12, 0x5678 - 10);
}

static void test_reset_port_within_the_pci_dword(void **state)
{
    (void)state;
    assert_int_equal(out(0xcf8, 4, 0x80000604), 0);
    assert_int_equal(in(0xcf8, 4).value, 0x80000604);
    assert_int_equal(out(0xcf8, 2, 0x0600),
                     PORT_RESET); // a word is no PCI access: bytes, the second for 0xcf9
    assert_int_equal(in(0xcf8, 4).value, 0x80000604);
    assert_int_equal(in(0xcf9, 1).value, 0x06);
}

static void test_lines(void **state)
{
    (void)state;
    assert_int_equal(platform_lines(&p, now), 0);
    out(0x64, 1, 0x60);
    out(0x60, 1, 0x03);
    out(0x64, 1, 0xd2);
    assert_int_equal(out(0x60, 1, 0x1c), PORT_LINE);
    assert_int_equal(platform_lines(&p, now), 1U << 1);
    in(0x60, 1);
    out(0x64, 1, 0xd3);
    out(0x60, 1, 0x1c);
    assert_int_equal(platform_lines(&p, now), 1U << 12);
    in(0x60, 1);
    pm_press_power_button(&p.pm);
    assert_int_equal(out(PM1_EVENT_PORT + 2, 2, 0x100), PORT_LINE);
    assert_int_equal(platform_lines(&p, now), 1U << 9);
    out(PM1_EVENT_PORT, 2, 0x100);
    out(0x70, 2, 0x120b); // update interrupt
    now = platform_deadline(&p);
    assert_int_equal(now, S);
    assert_int_equal(platform_lines(&p, now), 1U << 8);
    out(0x70, 1, 0x0c);
    assert_int_equal(in(0x71, 1).effects, PORT_LINE | PORT_DEADLINE);
    assert_int_equal(platform_lines(&p, now), 0);
    struct pci_function *fn = pci_host_add(&p.pci, 2 << 3, &(struct pci_identity){.vendor = 1});
    pci_function_add_pin(fn, 1);
    pci_function_drive_intx(fn, true);
    assert_int_equal(platform_lines(&p, now), 1U << 18 | 1U << 10);
}

static void test_earliest_deadline(void **state)
{
    (void)state;
    assert_int_equal(platform_deadline(&p), CLOCK_NEVER);
    out(PM1_EVENT_PORT + 2, 2, 1);
    assert_int_equal(platform_deadline(&p), clock_ns(UINT64_C(1) << 31, PM_TIMER_HZ));
    out(0x70, 2, 0x120b);
    assert_int_equal(platform_deadline(&p), S);
    out(0x43, 1, 0x34);
    assert_int_equal(platform_timer_edges(&p, now), 1); // OUT of counter 0 rose from its state after power-up
    out(0x40, 1, 0x00);
    out(0x40, 1, 0x10);
    assert_int_equal(platform_deadline(&p), clock_ns(0x1001, PIT_HZ));
    now = clock_ns(0x1001, PIT_HZ);
    assert_int_equal(platform_timer_edges(&p, now), 1);
    assert_int_equal(platform_timer_edges(&p, now), 0);
}

static void test_a20_has_two_gates(void **state)
{
    (void)state;
    assert_true(platform_a20(&p));
    out(0x64, 1, 0xd1);
    assert_int_equal(out(0x60, 1, 0xdd), PORT_A20);
    assert_false(platform_a20(&p));
    assert_int_equal(out(0x92, 1, 0x02), PORT_A20);
    assert_true(platform_a20(&p));
}

static void test_reset(void **state)
{
    (void)state;
    out(0x70, 2, 0x5540);
    out(0x70, 2, 0x720b);
    out(0x43, 1, 0x34);
    out(0x40, 1, 0x00);
    out(0x40, 1, 0x10);
    out(0xcf9, 1, 0x06);
    out(PM1_EVENT_PORT + 2, 2, 0x121);
    out(0x92, 1, 0x02);
    now = 10 * S;
    platform_reset(&p, now);
    assert_int_equal(platform_lines(&p, now), 0);
    assert_int_equal(platform_timer_edges(&p, now), 0);
    assert_int_equal(platform_deadline(&p), CLOCK_NEVER);
    assert_int_equal(in(0xcf9, 1).value, 0);
    assert_int_equal(in(0x92, 1).value, 0);
    out(0x70, 1, 0x40);
    assert_int_equal(in(0x71, 1).value, 0x55);
    out(0x70, 1, 0x00); // the clock ran on: 01:46:40 and ten seconds
    assert_int_equal(in(0x71, 1).value, 0x50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody_at_a_port, setup),
        cmocka_unit_test_setup(test_wide_accesses_reach_several_devices, setup),
        cmocka_unit_test_setup(test_reset_port_within_the_pci_dword, setup),
        cmocka_unit_test_setup(test_lines, setup),
        cmocka_unit_test_setup(test_earliest_deadline, setup),
        cmocka_unit_test_setup(test_a20_has_two_gates, setup),
        cmocka_unit_test_setup(test_reset, setup),
    };
    return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
