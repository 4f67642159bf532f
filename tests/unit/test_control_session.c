// Control's line: commands, errors, lines of all kinds, death at any place
// SPDX-License-Identifier: MIT
// LINK: servers/control/session.c libipc/exits.c servers/control/commands.c servers/control/request.c
// LINK: servers/control/value.c servers/control/out.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control_world.h"

#define GREETING "{\"Bulkhead\": {\"version\": \"0.1\", \"capabilities\": []}}\n"
#define OPEN     "{\"execute\": \"capabilities\"}\n"
#define OPENED   GREETING "{\"return\": {}}\n"
#define PAUSED                                                                                               \
    "{\"event\": \"VM_PAUSED\", \"data\": {\"name\": \"e\"}, \"timestamp\": {\"seconds\": 1, "               \
    "\"microseconds\": 500000}}\n"

static void types(const char *text)
{
    world_types(text, strlen(text));
}

static void opened(void)
{
    world_begin();
    types(OPEN);
    assert_string_equal(w.said, OPENED);
    w.said_bytes = 0;
}

// What a line is answered with.
static void expect(const char *line, const char *answer)
{
    w.said_bytes = 0;
    types(line);
    types("\n");
    w.said[w.said_bytes] = 0;
    assert_string_equal(w.said, answer);
}

static void expect_error(const char *line, const char *class)
{
    char begin[64];
    w.said_bytes = 0;
    types(line);
    types("\n");
    w.said[w.said_bytes] = 0;
    snprintf(begin, sizeof begin, "{\"error\": {\"class\": \"%s\", \"desc\": \"", class);
    if (strncmp(w.said, begin, strlen(begin)) != 0)
        fail_msg("%s: %s", line, w.said);
}

static void test_queries(void **unused)
{
    (void)unused;
    opened();
    expect("{\"execute\": \"query-status\", \"id\": {\"a\": [1]}}",
           "{\"return\": {\"name\": \"t\", \"state\": \"running\", \"uptime_ns\": 5, \"vms\": 1, "
           "\"servers\": 1, \"next\": {\"memory\": 0, \"console\": 0, \"log\": 0}}, "
           "\"id\": {\"a\": [1]}}\n");
    expect("{\"id\": \"x\", \"execute\": \"query-servers\", \"arguments\": {}}\r",
           "{\"return\": [{\"name\": \"s\", \"kind\": \"k\", \"vm\": null, \"state\": \"running\", "
           "\"restarts\": 0, "
           "\"cpu_ns\": 0, \"memory_kib\": 0, \"priority\": 0}], \"id\": \"x\"}\n");
    expect("{\"execute\": \"query-vms\"}", "{\"return\": [{\"name\": \"a\", \"state\": \"running\", "
                                           "\"memory_kib\": 0, \"resident_kib\": 0, \"vcpus\": "
                                           "0, \"exits\": 0}]}\n");
    expect(
        "{\"execute\": \"query-stats\", \"arguments\": {\"name\": \"a\"}}",
        "{\"return\": {\"vms\": [{\"name\": \"a\", \"cpu_ns\": 0, \"memory_kib\": 0, \"resident_kib\": 0, "
        "\"overhead_kib\": 0, \"exits\": {\"hlt\": 3}, \"routes\": ["
        "{\"space\": \"port\", \"first\": 1016, \"last\": 1023, \"use\": \"reads\", \"server\": \"s\", "
        "\"count\": 5}, "
        "{\"space\": \"port\", \"first\": 16384, \"last\": 16385, \"use\": \"doorbells\", \"server\": null, "
        "\"count\": 6}, "
        "{\"space\": \"memory\", \"first\": 1, \"last\": 2, \"use\": \"writes\", \"server\": \"s\", "
        "\"count\": 7}], \"accesses\": 0, \"doorbells\": 0, "
        "\"page_faults\": 0, "
        "\"interrupts\": 0}], \"servers\": []}}\n");
    expect_error("{\"execute\": \"query-stats\", \"arguments\": {\"name\": \"b\"}}", "NotFound");
    types("{\"execute\": \"query-stats\"}\n");
    assert_non_null(strstr(w.said, "\"counters\": {\"reads\": 9}"));
}

static void test_log(void **unused)
{
    (void)unused;
    opened();
    w.said_bytes = 0;
    types("{\"execute\": \"query-log\", \"arguments\": {\"name\": \"alpha\", \"from\": 20000}}\n");
    assert_non_null(strstr(w.said, "{\"return\": {\"text\": \"aaaa"));
    assert_non_null(strstr(w.said, "aaa\", \"next\": 36128}}\n"));
    expect("{\"execute\": \"query-log\", \"arguments\": {\"from\": 50000}}",
           "{\"return\": {\"text\": \"\", \"next\": 50000}}\n");
    expect_error("{\"execute\": \"query-log\", \"arguments\": {\"name\": \"nobody\"}}", "NotFound");
    expect_error("{\"execute\": \"query-log\", \"arguments\": {\"from\": -1}}", "BadArguments");
    expect_error("{\"execute\": \"query-log\", \"arguments\": {\"from\": 18446744073709551616}}",
                 "BadArguments");
    expect_error("{\"execute\": \"query-log\", \"arguments\": {\"from\": \"1\"}}", "BadArguments");
}

// The longest list of crashes, all of whose text is escaped, does not fit: an error, and the next command
// works.
static void test_crashes(void **unused)
{
    (void)unused;
    opened();
    w.crashes = 1;
    types("{\"execute\": \"query-crashes\"}\n");
    assert_non_null(strstr(w.said, "\"why\": \"w\\\"\", \"time_ns\": 0, \"deaths\": 2, \"text\": \"cccc"));
    w.crashes = 16;
    expect_error("{\"execute\": \"query-crashes\"}", "Failed");
    expect("{\"execute\": \"capabilities\", \"id\": 1}", "{\"return\": {}, \"id\": 1}\n");
}

static void test_errors(void **unused)
{
    static const struct {
        const char *line, *class;
    } rows[] = {
        {"{", "BadJson"},
        {"[]", "BadJson"},
        {"\"x\"", "BadJson"},
        {"{\"execute\": \"query-vms\"} x", "BadJson"},
        {"{\"execute\": \"\xff\"}", "BadJson"},
        {"{}", "BadArguments"},
        {"{\"execute\": 3}", "BadArguments"},
        {"{\"execute\": \"query-vms\", \"more\": 1}", "BadArguments"},
        {"{\"execute\": \"query-vms\", \"execute\": \"query-vms\"}", "BadArguments"},
        {"{\"execute\": \"query-vms\", \"arguments\": []}", "BadArguments"},
        {"{\"execute\": \"query-vms\", \"arguments\": {\"name\": \"a\"}}", "BadArguments"},
        {"{\"execute\": \"vm-pause\"}", "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": 1}}", "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"\"}}", "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"\\u00e4\"}}", "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}",
         "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"a\", \"name\": \"a\"}}", "BadArguments"},
        {"{\"execute\": \"vm-stop\", \"arguments\": {\"name\": \"a\", \"force\": 1}}", "BadArguments"},
        {"{\"execute\": \"vm-create\", \"arguments\": {\"definition\": \"a\"}}", "BadArguments"},
        {"{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"nobody\"}}", "NotFound"},
        {"{\"execute\": \"reboot\"}", "CommandNotFound"},
        {"{\"execute\": \"\\u0071uery-vm\"}", "CommandNotFound"},
    };
    (void)unused;
    opened();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_error(rows[i].line, rows[i].class);
        expect("{\"execute\": \"\\u0063apabilities\", \"id\": null}", "{\"return\": {}, \"id\": null}\n");
    }
    assert_int_equal(w.carried_out, 1);
}

// Before `capabilities` nothing but the greeting is to be had.
static void test_agreement(void **unused)
{
    (void)unused;
    world_begin();
    expect_error("{\"execute\": \"query-vms\"}", "CommandNotFound");
    expect("{\"execute\": \"greeting\", \"id\": 3}", GREETING);
    expect_error("{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"a\"}}", "CommandNotFound");
    assert_int_equal(w.carried_out, 0);
}

// Lines of any length: those that are too long are dropped as they come, however they come.
static void test_lengths(void **unused)
{
    static char text[1 << 20];
    (void)unused;
    opened();
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"execute\": \"query-vms\", \"id\": 1", 32);
    for (size_t n = LINE_MAX - 2; n < LINE_MAX + 3; n++) {
        w.said_bytes = 0;
        text[n - 1] = '}';
        world_types(text, n);
        types("\n");
        assert_int_equal(strncmp(w.said, "{\"return\"", 9) == 0, n <= LINE_MAX);
        assert_int_equal(strncmp(w.said, "{\"error\": {\"class\": \"BadJson\"", 29) == 0, n > LINE_MAX);
        text[n - 1] = ' ';
    }
    for (size_t piece = 1; piece < sizeof text; piece = piece * 7 + 1) {
        w.said_bytes = 0;
        for (size_t at = 0; at < sizeof text; at += piece)
            world_types(text + at, piece < sizeof text - at ? piece : sizeof text - at);
        assert_int_equal(w.said_bytes, 0);
        expect_error("", "BadJson");
        expect("", "");
        expect(" \t\r", "");
        expect("{\"execute\": \"capabilities\", \"id\": \"\"}", "{\"return\": {}, \"id\": \"\"}\n");
    }
}

// Who does not read is not answered until he does; nothing is lost.
static void test_deaf_client(void **unused)
{
    enum { COMMANDS = 3000 };
    char line[64];
    unsigned said = 0;
    (void)unused;
    opened();
    w.deaf = true;
    for (unsigned i = 0; i < COMMANDS; i++) {
        snprintf(line, sizeof line, "{\"execute\": \"query-status\", \"id\": %u}\n", i);
        types(line);
    }
    w.deaf = false;
    w.said_bytes = 0;
    world_hears();
    world_runs();
    for (char *at = w.said; (at = strstr(at, "\"id\": ")); at++, said++)
        assert_int_equal(strtoul(at + 6, NULL, 10), said);
    assert_true(said > 1000);
}

// It dies at every place of a script: the client hears what it would have heard, each command is carried out
// once.
static void test_killed(void **unused)
{
    static const char script[] =
        OPEN "{\"execute\": \"vm-pause\", \"arguments\": {\"name\": \"a\"}, \"id\": 1}\n"
             "nonsense\n{\"execute\": \"query-vms\"}\n"
             "{\"execute\": \"vm-start\", \"arguments\": {\"name\": \"nobody\"}}\n"
             "{\"execute\": \"shutdown\", \"id\": 2}\n";
    static char whole[WORLD_SAID], other[WORLD_SAID];
    uint64_t places;
    (void)unused;
    world_begin();
    types(script);
    strcpy(whole, w.said);
    places = w.place;
    assert_int_equal(w.carried_out, 3);
    for (uint64_t cut = 1; cut <= places; cut++) {
        world_begin();
        w.cut = cut;
        types(script);
        assert_int_equal(w.carried_out, 3);
        strcpy(other, w.said);
        // An event may come before the answer to its command, when that is carried out again.
        assert_int_equal(strlen(other), strlen(whole));
        for (const char *line = whole; *line; line = strchr(line, '\n') + 1) {
            char one[512];
            snprintf(one, sizeof one, "%.*s", (int)(strchr(line, '\n') - line + 1), line);
            assert_non_null(strstr(other, one));
        }
    }
}

// A position that nobody in his right mind has written stops nothing.
static void test_wild_ring(void **unused)
{
    (void)unused;
    opened();
    w.typed.position += 10 * CONTROL_INPUT_BYTES;
    (void)!ring_publish_produced(&w.typed, w.typed.position);
    world_runs();
    expect("\n{\"execute\": \"capabilities\"}", "{\"return\": {}}\n");
}

static void test_events(void **unused)
{
    static const struct init_event events[] = {
        {.kind = EVENT_VM_STOPPED, .value = VM_END_TRIPLE_FAULT, .name = "a"},
        {.kind = EVENT_SERVER_DIED, .name = "s", .text = "page \"fault\""},
        {.kind = EVENT_LOST, .value = 12},
        {.kind = EVENT_KINDS},
        {.kind = EVENT_SHUTDOWN},
    };
    (void)unused;
    opened();
    ring_put(&w.sent, 0, events, 5);
    (void)!ring_publish_produced(&w.sent, 5);
    world_runs();
#define STAMP "}, \"timestamp\": {\"seconds\": 0, \"microseconds\": 0}}\n"
    assert_string_equal(
        w.said,
        "{\"event\": \"VM_STOPPED\", \"data\": {\"name\": \"a\", \"reason\": \"triple-fault\"" STAMP
        "{\"event\": \"SERVER_DIED\", \"data\": {\"name\": \"s\", \"why\": \"page \\\"fault\\\"\"" STAMP
        "{\"event\": \"EVENTS_LOST\", \"data\": {\"count\": 12" STAMP
        "{\"event\": \"SHUTDOWN\", \"data\": {" STAMP);
}

static void test_command(void **unused)
{
    (void)unused;
    opened();
    expect("{\"execute\": \"vm-stop\", \"arguments\": {\"force\": true, \"name\": \"a\"}}",
           "{\"return\": {}}\n" PAUSED);
    assert_int_equal(w.last_command.action, INIT_VM_STOP);
    assert_int_equal(w.last_command.argument, 1);
    assert_string_equal(w.last_command.name, "a");
    types("{\"execute\": \"vm-create\", \"arguments\": {\"definition\": {\"a\": 1}}}\n");
    assert_int_equal(w.last_command.action, INIT_VM_CREATE);
    assert_int_equal(w.last_command.argument, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries), cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_deaf_client),
        cmocka_unit_test(test_killed),  cmocka_unit_test(test_wild_ring),
        cmocka_unit_test(test_events),  cmocka_unit_test(test_command),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
