// Logs of all servers on the host's line when the terminal has failed: whole lines, none lost, faulty rings
// SPDX-License-Identifier: MIT
// LINK: servers/failed/forward.c servers/common/log_lines.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/proto/layout.h"
#include "servers/failed/forward.h"

enum {
    LOGS = 2,
    LOG_BYTES = RING_PAGES(LOG_RING_BYTES) * 4096,
    OUTPUT_BYTES = RING_PAGES(OUTPUT_RING_BYTES) * 4096
};

static uint64_t log_memory[LOGS][LOG_BYTES / 8], output_memory[OUTPUT_BYTES / 8];
static const struct terminal_names names = {.log = {{1, "init"}, {1, "vmm"}}};
static struct forward f;
static struct ring producer[LOGS], consumer;

static bool open(void)
{
    f = (struct forward){
        .names = &names, .level = LOG_INFO, .logs = (uint8_t *)log_memory, .log_stride = LOG_BYTES};
    return forward_open(&f, output_memory);
}

static int begin(void **state)
{
    (void)state;
    memset(log_memory, 0, sizeof log_memory);
    memset(output_memory, 0, sizeof output_memory);
    bool good = ring_open(&consumer, output_memory, OUTPUT_BYTES, OUTPUT_RING_BYTES, 1, 0) && open();
    for (unsigned i = 0; i < LOGS; i++)
        good = good && ring_open(&producer[i], log_memory[i], LOG_BYTES, LOG_RING_BYTES, 1, 0);
    return good ? 0 : -1;
}

static bool say(unsigned log, const char *line)
{
    uint32_t room, bytes = (uint32_t)strlen(line);
    if (!ring_room(&producer[log], &room) || room < bytes)
        return false;
    ring_put(&producer[log], producer[log].position, line, bytes);
    (void)!ring_publish_produced(&producer[log], producer[log].position + bytes);
    return true;
}

static const char *shown(void)
{
    static char text[OUTPUT_RING_BYTES + 1];
    uint32_t filled;
    assert_true(ring_filled(&consumer, &filled));
    ring_get(&consumer, consumer.position, text, filled);
    text[filled] = 0;
    (void)!ring_publish_consumed(&consumer, consumer.position + filled);
    return text;
}

static void lines_have_names(void **state)
{
    (void)state;
    say(0, "0error: one\n2two\n");
    say(1, "3nobody wants this\n2three\x1b\n2half");
    (void)!ring_sleep_empty(&consumer);
    assert_true(forward_lines(&f)); // and the driver is woken
    assert_string_equal(shown(), "[init] error: one\r\n[init] two\r\n[vmm] three?\r\n");
    say(1, " a line\n");
    assert_false(forward_lines(&f));
    assert_string_equal(shown(), "[vmm] half a line\r\n");
}

static void who_starts_again_goes_on(void **state)
{
    (void)state;
    say(0, "2one\n");
    forward_lines(&f);
    say(0, "2two\n");
    assert_true(open());
    forward_lines(&f);
    assert_string_equal(shown(), "[init] one\r\n[init] two\r\n");
}

// The logs wait in their rings while the host's line is slow; nothing is lost, and who makes room is heard.
static void nothing_is_lost(void **state)
{
    (void)state;
    char line[80], want[96];
    unsigned said = 0, seen = 0;
    while (said < 4000) {
        while (said < 4000 &&
               (snprintf(line, sizeof line, "2this is line %u of a long story\n", said), say(0, line)))
            said++;
        forward_lines(&f);
        for (const char *at = shown(); *at; at += strlen(want)) {
            snprintf(want, sizeof want, "[init] this is line %u of a long story\r\n", seen++);
            assert_memory_equal(at, want, strlen(want));
        }
    }
    assert_int_equal(seen, said);
    while (say(1, "2a line that fills its ring until there is no room for another\n"))
        ;
    for (unsigned i = 0; i < 8; i++) // until the output is full
        for (forward_lines(&f); say(1, "2a line that fills its ring until there is no room for another\n");)
            ;
    (void)!ring_sleep_empty(&consumer);
    shown();
    assert_int_equal(__atomic_load_n(&f.output.shared->producer_sleeps, __ATOMIC_RELAXED), 0); // woken
}

static void faulty_rings_are_left_behind(void **state)
{
    (void)state;
    say(0, "2one\n");
    producer[0].shared->produced += 1 << 20;
    producer[0].position = producer[0].shared->produced;
    say(1, "2two\n");
    forward_lines(&f);
    assert_string_equal(shown(), "[vmm] two\r\n");
    say(0, "2three\n");
    forward_lines(&f);
    assert_string_equal(shown(), "[init] three\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_have_names, begin),
        cmocka_unit_test_setup(who_starts_again_goes_on, begin),
        cmocka_unit_test_setup(nothing_is_lost, begin),
        cmocka_unit_test_setup(faulty_rings_are_left_behind, begin),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
