// What the host's line shows of consoles and logs: lines, turns, what was missed, death around commits
// SPDX-License-Identifier: MIT
// LINK: servers/terminal/terminal.c servers/terminal/show.c servers/terminal/logs.c servers/terminal/input.c
// LINK: servers/terminal/output.c servers/terminal/keys.c servers/common/log_lines.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/terminal_world.h"

static void lines_have_names(void **state)
{
    (void)state;
    world_begin(2);
    assert_string_equal(world_shown(), "");
    world_prints(0, "one\r\n\r\n");
    world_prints(1, "two\r\nthree\r\n");
    world_log(1, "2four\n");
    assert_string_equal(world_shown(), "[c0] one\r\n[c1] two\r\n[l1] four\r\n[c0] \r\n[c1] three\r\n");
}

static void one_console_has_the_line(void **state)
{
    (void)state;
    world_begin(1);
    world_prints(0, "\x1b[1mone\r\n\tt\x01wo\r");
    assert_string_equal(world_shown(), "\x1b[1mone\r\n\tt\x01wo\r");
    world_log(0, "0error: no\n3nor this\n");
    assert_string_equal(world_shown(), "");
    world.now += NS_PER_S;
    assert_string_equal(world_shown(), "\r\n[l0] error: no\r\n");
    world_prints(0, "!\n");
    assert_string_equal(world_shown(), "!\n");
}

// What a terminal would obey does not come through the overview.
static void control_sequences(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, "\x1b[2J\x1b[1;31mred\x1b[m \x1b]0;title\x07ok\x1b"
                    "c\x1b[");
    world_work();
    world_prints(0, "6n\a\tend\x7f \x1b]half\n");
    world_prints(0, "next\xc3\xa4\r\n");
    assert_string_equal(world_shown(), "[c0] red ok?\tend? \r\n[c0] next\xc3\xa4\r\n");
}

// Others wait for the end of a line, then for its owner's silence; what goes on has its name again.
static void lines_are_whole(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, "half a ");
    assert_string_equal(world_shown(), "[c0] half a ");
    world_prints(1, "other\n");
    assert_string_equal(world_shown(), "");
    assert_int_equal(terminal_show_due(&world.t), world.now + 250 * NS_PER_MS);
    world.now += 50 * NS_PER_MS;
    world_prints(0, "line\n$ ");
    assert_string_equal(world_shown(), "line\r\n[c1] other\r\n[c0] $ ");
    assert_int_equal(terminal_show_due(&world.t), 0);
    world_prints(1, "more\n");
    world_work();
    world.now = terminal_show_due(&world.t);
    assert_string_equal(world_shown(), "\r\n[c1] more\r\n");
    world_prints(0, "ls\n");
    assert_string_equal(world_shown(), "[c0] ls\r\n");
}

// However often the terminal dies, it sees when somebody has been silent for long enough.
static void patience_is_kept(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, "$ ");
    world_prints(1, "other\n");
    assert_string_equal(world_shown(), "[c0] $ ");
    for (int i = 0; i < 4; i++) {
        world.now += 60 * NS_PER_MS;
        world_open();
        assert_string_equal(world_shown(), "");
    }
    world.now += 60 * NS_PER_MS;
    world_open();
    assert_string_equal(world_shown(), "\r\n[c1] other\r\n");
}

// Who never ends a line cannot keep the others back for ever, nor until they overflow.
static void patience_ends(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, ".");
    world_prints(1, "other\n");
    assert_string_equal(world_shown(), "[c0] .");
    for (int i = 0; i < 19; i++) {
        world.now += 100 * NS_PER_MS;
        world_prints(0, ".");
        assert_string_equal(world_shown(), ".");
    }
    world.now += 100 * NS_PER_MS;
    assert_string_equal(world_shown(), "\r\n[c1] other\r\n");
    world_prints(0, ".");
    world_shown();
    for (int i = 0; i < 4000; i++)
        world_prints(1, "o.k.\n");
    assert_memory_equal(world_shown(), "\r\n[c1] o.k.\r\n", 13);
}

// No line is torn when the host takes nothing; the guests print, and what is lost is told.
static void the_host_is_slow(void **state)
{
    enum { TORN = 1000000, ANY };
    (void)state;
    char line[32];
    world_begin(2);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(line, sizeof line, "line %u\n", i);
        world_prints(i % 2, line);
        if (i % 16 == 0)
            world_work();
    }
    const char *shown = world_shown(), *mark = strstr(shown, " bytes dropped]\r\n");
    unsigned next[2] = {0, 1}, dropped = 0;
    assert_non_null(mark);
    for (const char *at = shown, *behind; *at; at = behind) {
        unsigned console, number, bytes;
        behind = strchr(at, '\n') + 1;
        assert_int_equal(sscanf(at, "[c%u] ", &console), 1);
        if (sscanf(at + 5, "[... %u bytes dropped]\r\n", &bytes) == 1) {
            dropped += bytes;
            next[console] = TORN;
        } else if (next[console] == TORN) { // the rest of a line
            next[console] = ANY;
        } else if (memcmp(behind + 4, " [... ", 6) != 0) { // not the beginning of one
            assert_int_equal(sscanf(at + 5, "line %u\r\n", &number), 1);
            assert_true(next[console] == number || next[console] == ANY);
            next[console] = number + 2;
        }
    }
    assert_int_equal(next[0], 100000);
    assert_int_equal(next[1], 100001);
    uint64_t printed = world.guest[0].position + world.guest[1].position;
    assert_true(dropped > printed - 2 * STREAM_KEPT - 2 * OUTPUT_RING_BYTES &&
                dropped < printed - 2 * STREAM_KEPT);
    assert_int_equal(world.t.source[STREAM_CONSOLE].shared->consumed, world.guest[0].position);
}

static void faulty_rings_are_left_behind(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 8];
    world_begin(1);
    memset(line, 'x', sizeof line);
    memcpy(line, "2", 1);
    memcpy(line + LOG_LINE_MAX, "2rest\n", 7);
    world_log(0, line);
    world_log(0, "2unended");
    assert_int_equal(strlen(world_shown()), 5 + LOG_LINE_MAX - 1 + 2 + 5 + 4 + 2);
    (void)!ring_publish_produced(&world.server[0], UINT64_C(1) << 40);
    world_log(0, "2again\n");
    world_shown(); // nobody vouches for what was there
    world_log(0, "2and again\n");
    assert_string_equal(world_shown(), "[l0] and again\r\n");
    world_prints(0, "a console that begins anew\n");
    world_shown();
    world.guest[0].position = 0;
    world_prints(0, "begin\n");
    assert_string_equal(world_shown(), "begin\n");
}

// A server's logs go on whatever the host does.
static void logs_never_wait(void **state)
{
    (void)state;
    world_begin(2);
    for (unsigned i = 0; i < 20000; i++) {
        assert_true(world_log(0, "2a line of some length that is repeated\n"));
        if (i % 100 == 0)
            world_work();
    }
    assert_non_null(strstr(world_shown(), "\r\n[... "));
}

static void they_come_and_go(void **state)
{
    (void)state;
    world_begin(1);
    world_prints(0, "prompt> ");
    assert_string_equal(world_shown(), "prompt> ");
    world_prints(1, "new\n");
    assert_string_equal(world_shown(), "");
    world_name(&world.names.console[1], "c1");
    assert_string_equal(world_shown(), ""); // c0 is attached
    assert_string_equal(world_does("\x1d"
                                   "o"),
                        "\r\n[terminal] overview; Ctrl-] ? for help\r\n[c1] new\r\n");
    world_prints(0, "half");
    assert_string_equal(world_shown(), "[c0] half");
    world.names.console[0].use = 0;
    assert_string_equal(world_shown(), "\r\n");
    world_prints(0, "nobody sees this\n");
    assert_string_equal(world_shown(), "");
    // Another console in the same place: its stream begins at its beginning.
    memset(world.guest[0].shared, 0, sizeof *world.guest[0].shared);
    world.guest[0].position = 0;
    world_prints(0, "another, which is longer than what was there before");
    world.names.console[0].use = 1;
    world_name(&world.names.console[0], "d0");
    assert_string_equal(world_shown(), "[d0] another, which is longer than what was there before");
}

// What a start does about those that went is shown when it is committed, not before: it may die, too.
static void they_go_while_it_is_dead(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, "half");
    assert_string_equal(world_shown(), "[c0] half");
    world.names.console[0].use = 0;
    world.names.log[0].use = 0;
    for (unsigned i = 0; i < 3; i++) {
        world_open();
        world.got_bytes = 0;
        world_drain(OUTPUT_RING_BYTES);
        assert_int_equal(world.got_bytes, 0);
    }
    world_start();
    assert_int_equal(world.committed.stream[STREAM_CONSOLE].use, 0);
    assert_int_equal(world.committed.log[0].use, 0);
    assert_string_equal(world_shown(), "\r\n");
    world_start();
    world_prints(1, "whole\n");
    assert_string_equal(world_shown(), "[c1] whole\r\n");
}

// Every line of the overview once, whole, in its order, whatever is killed when.
static void nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    unsigned said[3] = {0}, seen[3] = {0};
    static const char *const names[] = {"[c0] %u\r%n", "[c1] %u\r%n", "[l0] %u\r%n"};
    world_begin(2);
    world.kills = 3;
    srand(5);
    for (int i = 0; i < 30000; i++) {
        char line[32];
        unsigned who = (unsigned)rand() % 3;
        snprintf(line, sizeof line, "%s%u\n", who == 2 ? "2" : "", said[who]);
        if (who == 2)
            said[who] += world_log(0, line);
        else
            said[who]++, world_prints(who, line);
        world_work();
        world_drain((uint32_t)rand() % 64);
    }
    world.kills = 0;
    for (size_t before = 1; before != world.got_bytes;) {
        before = world.got_bytes;
        world.now += NS_PER_S;
        world_work();
        world_drain(OUTPUT_RING_BYTES);
    }
    for (const char *at = world.got; *at;) {
        unsigned who = 0, number = 0;
        int end = 0;
        while (who < 3 && (sscanf(at, names[who], &number, &end) != 1 || !end))
            who++;
        assert_true(who < 3);
        assert_int_equal(number, seen[who]++);
        at = strchr(at, '\n') + 1;
    }
    for (unsigned who = 0; who < 3; who++)
        assert_int_equal(seen[who], said[who]);
    assert_true(said[0] > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_names),
        cmocka_unit_test(one_console_has_the_line),
        cmocka_unit_test(control_sequences),
        cmocka_unit_test(lines_are_whole),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(patience_is_kept),
        cmocka_unit_test(the_host_is_slow),
        cmocka_unit_test(faulty_rings_are_left_behind),
        cmocka_unit_test(logs_never_wait),
        cmocka_unit_test(they_come_and_go),
        cmocka_unit_test(they_go_while_it_is_dead),
        cmocka_unit_test(nothing_is_lost_or_doubled),
    };
    return cmocka_run_group_tests_name("terminal: show", tests, NULL, NULL);
}
