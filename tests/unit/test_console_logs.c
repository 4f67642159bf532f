// Logs on the console: levels, whole lines, their place between the guest's, faulty rings, death
// SPDX-License-Identifier: MIT
// LINK: servers/console/console.c servers/console/uart16550.c servers/console/logs.c
// LINK: servers/common/log_lines.c libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/console_world.h"

static void guest_says(const char *text)
{
    for (; *text; text++)
        world_write(UART_DATA, (uint8_t)*text, 0);
}

static void test_levels(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    assert_true(world.console.logs_idle);
    world_log(0, "0error: one\n");
    world_log(1, "3not to be seen\n");
    world_log(1, "2two\n");
    world_drain(1000);
    assert_true(world_got("[alpha] error: one\r\n[memory] two\r\n"));
    assert_int_equal(console_log_due(&world.console, world.now), 0);
}

static void test_unprintable(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    world_log(0, "2\33[2Jmischief \xc3\xa4\n");
    world_drain(1000);
    assert_true(world_got("[alpha] ?[2Jmischief \xc3\xa4\r\n"));
}

// Lines wait for the end of the guest's line.
static void test_waits_for_line_end(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    guest_says("half a ");
    world_log(0, "2log\n");
    assert_int_equal(console_log_due(&world.console, world.now), world.now + 250 * NS_PER_MS);
    world.now += 50 * NS_PER_MS;
    world_print_logs(0);
    guest_says("line\r\n");
    assert_true(console_log_due(&world.console, world.now) <= world.now);
    world_print_logs(0);
    guest_says("more\r\n");
    world_drain(1000);
    assert_true(world_got("half a line\r\n[alpha] log\r\nmore\r\n"));
}

// At a prompt they wait a moment, then begin a line of their own.
static void test_prompt(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    guest_says("login: ");
    world_log(0, "2one\n");
    world_log(1, "2two\n");
    world.now = console_log_due(&world.console, world.now);
    world_print_logs(0);
    guest_says("root");
    world_drain(1000);
    assert_true(world_got("login: \r\n[memory] two\r\n[alpha] one\r\nroot"));
}

// A guest that never ends its line cannot keep them back for ever, nor until rings overflow.
static void test_patience_ends(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    guest_says(".");
    world_log(0, "2log\n");
    for (int i = 0; i < 39; i++) {
        world.now += 50 * NS_PER_MS;
        guest_says(".");
        world_print_logs(0);
        assert_int_equal(world.console.port->mid_line, 1);
    }
    world.now += 50 * NS_PER_MS;
    world_print_logs(0);
    assert_int_equal(world.console.port->mid_line, 0);
    guest_says(".");
    for (unsigned i = 0; i < LOG_RING_BYTES / 4 / 4; i++)
        assert_true(world_log(1, "2ab\n"));
    world_print_logs(0);
    assert_int_equal(world.console.port->mid_line, 0);
}

// No line is torn when the output ring is nearly full.
static void test_no_room(void **unused)
{
    (void)unused;
    world_begin();
    world_print_logs(0);
    for (unsigned i = 0; i < OUTPUT_RING_BYTES / 2 - 100; i++)
        guest_says(".\n");
    world_log(0, "2log\n");
    assert_true(world.console.logs_blocked);
    assert_int_equal(console_log_due(&world.console, world.now), 0);
    world_drain(100);
    assert_true(world.console.logs_blocked);
    world_drain(100);
    world_drain(OUTPUT_RING_BYTES);
    assert_memory_equal(world.got + world.got_bytes - 13, "[alpha] log\r\n", 13);
}

static void test_overlong_and_faulty(void **unused)
{
    (void)unused;
    char line[LOG_LINE_MAX + 8];
    world_begin();
    world_print_logs(0);
    memset(line, 'x', sizeof line);
    memcpy(line, "2", 1);
    memcpy(line + LOG_LINE_MAX, "2rest\n", 7);
    world_log(0, line);
    world_log(0, "2unended");
    world_print_logs(0);
    world_drain(1000);
    assert_int_equal(world.got_bytes, 8 + LOG_LINE_MAX - 1 + 2 + 8 + 4 + 2);
    (void)!ring_publish_produced(&world.log[0], UINT64_C(1) << 40);
    world_print_logs(0);
    assert_true(world.console.logs_idle);
    world.got_bytes = 0;
    world_log(0, "2again\n");
    world_drain(1000);
    assert_true(world_got("[alpha] again\r\n"));
}

// Every line once, in the order of its log, whole, whatever is killed when.
static void test_killed(void **unused)
{
    (void)unused;
    unsigned written[WORLD_LOGS] = {0}, seen[WORLD_LOGS] = {0}, said = 0, heard = 0;
    srand(3);
    world_begin();
    for (int i = 0; i < 60000; i++) {
        char line[32];
        unsigned log = (unsigned)rand() % WORLD_LOGS;
        if (rand() % 2) {
            snprintf(line, sizeof line, "2%u\n", written[log]);
            written[log] += world_log(log, line);
        } else if (world_read(UART_LSR, 0) & UART_LSR_THRE) {
            world_write(UART_DATA, said++ % 10 == 9 ? '\n' : 'g', rand() % 3);
        }
        world_print_logs(rand() % 3);
        world_drain((uint32_t)rand() % 32);
    }
    world.now += NS_PER_S;
    for (int i = 0; i < 1000; i++) {
        world_print_logs(0);
        world_drain(OUTPUT_RING_BYTES);
    }
    world.got[world.got_bytes] = 0;
    for (char *at = world.got; *at;) {
        unsigned log, number;
        if (sscanf(at, "[alpha] %u\r", &number) == 1)
            log = 0;
        else if (sscanf(at, "[memory] %u\r", &number) == 1)
            log = 1;
        else {
            heard += *at == 'g' || *at == '\n';
            assert_true(*at == 'g' || *at == '\n' || (*at == '\r' && at[1] == '\n' && heard--));
            at++;
            continue;
        }
        assert_int_equal(number, seen[log]++);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(heard, said);
    for (unsigned log = 0; log < WORLD_LOGS; log++)
        assert_int_equal(seen[log], written[log]);
    assert_true(seen[0] > 5000 && said > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_unprintable),
        cmocka_unit_test(test_waits_for_line_end),
        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_overlong_and_faulty),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
