// Keys: for the console that is attached, for the terminal; scroll-back; what others read of it
// SPDX-License-Identifier: MIT
// LINK: servers/terminal/terminal.c servers/terminal/show.c servers/terminal/logs.c servers/terminal/input.c
// LINK: servers/terminal/output.c servers/terminal/keys.c servers/terminal/read.c servers/common/log_lines.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libipc/abi/status.h"
#include "tests/unit/terminal_world.h"

#define ESCAPE    "\x1d"
#define C0_IS_NOW "[terminal] c0; Ctrl-] ? for help\r\n"
#define C1_IS_NOW "[terminal] c1; Ctrl-] ? for help\r\n"

static uint8_t letter(uint64_t number)
{
    return (uint8_t)('a' + (number * 0x9e3779b1u >> 13) % 26);
}

static void keys_go_to_the_console(void **state)
{
    (void)state;
    world_begin(1);
    assert_string_equal(world_does("ls\r\x03"), "");
    assert_string_equal(world_typed(0), "ls\r\x03");
    assert_string_equal(world_does("a" ESCAPE ESCAPE "b"), "");
    assert_string_equal(world_typed(0), "a" ESCAPE "b");
    assert_string_equal(world_does(ESCAPE "x"), "[terminal] that is no key; Ctrl-] ? for help\r\n");
    assert_string_equal(world_does(ESCAPE "\x1b"), "");
    assert_string_equal(world_typed(0), "");
}

static void attach_and_leave(void **state)
{
    (void)state;
    world_begin(2);
    world_prints(0, "one\r\n");
    world_prints(1, "two\r\nthree");
    assert_string_equal(world_shown(), "[c0] one\r\n[c1] two\r\n[c1] three");
    assert_string_equal(world_does("x"), "");
    assert_string_equal(world_does("\r"), "\r\n[terminal] nothing is sent from here; Ctrl-] ? for help\r\n");
    assert_string_equal(world_does(ESCAPE "a c0\r"), "[terminal] attach to: c0\r\n" C0_IS_NOW "one\r\n");
    world_log(0, "2not here\n");
    world_prints(1, "nor this\n");
    assert_string_equal(world_does("y"), "");
    assert_string_equal(world_typed(0), "y");
    assert_string_equal(world_does(ESCAPE "n"), C1_IS_NOW "two\r\nthreenor this\n");
    assert_string_equal(world_does(ESCAPE "n"), C0_IS_NOW "one\r\n");
    assert_string_equal(world_does(ESCAPE "p"), C1_IS_NOW "two\r\nthreenor this\n");
    world_prints(0, "more\n");
    assert_string_equal(world_does("z"), "");
    assert_string_equal(world_typed(1), "z");
    assert_string_equal(world_does(ESCAPE "o"),
                        "[terminal] overview; Ctrl-] ? for help\r\n[l0] not here\r\n[c0] more\r\n");
}

static void names(void **state)
{
    (void)state;
    world_begin(2);
    assert_string_equal(world_does(ESCAPE "a"), "[terminal] attach to: ");
    world_prints(0, "waits\n");
    assert_string_equal(world_does("\x7f"
                                   "c7\x7fx\x08"
                                   "9\r"),
                        "c7\b \bx\b \b9\r\n[terminal] there is no console 'c9'\r\n"
                        "[terminal] consoles: c0, c1, log\r\n[c0] waits\r\n");
    assert_string_equal(world_does(ESCAPE "ac1\x03"), "[terminal] attach to: c1\r\n");
    assert_string_equal(world_does(ESCAPE "a\r"), "[terminal] attach to: \r\n");
    assert_string_equal(world_does(ESCAPE "a" ESCAPE), "[terminal] attach to: \r\n");
    assert_string_equal(world_does(ESCAPE "a0123456789012345678901234567890123456789\x1b"),
                        "[terminal] attach to: 0123456789012345678901234567890\r\n");
    world_log(0, "2logged\n");
    assert_string_equal(world_shown(), "[l0] logged\r\n");
    assert_string_equal(world_does(ESCAPE "alog\r"),
                        "[terminal] attach to: log\r\n[terminal] log; Ctrl-] ? for help\r\n[l0] logged\r\n");
    assert_string_equal(world_does("q"), "");
    assert_non_null(strstr(world_does(ESCAPE "?"), "this is log\r\n"));
    assert_non_null(strstr(world_does(ESCAPE "n" ESCAPE "?"), "this is c0\r\n"));
}

static void the_log_between_lines(void **state)
{
    (void)state;
    world_begin(1);
    world_log(0, "2one\n");
    assert_string_equal(world_shown(), "[l0] one\r\n");
    assert_string_equal(world_does(ESCAPE "l"), "[terminal] the log stays away\r\n");
    world_log(0, "2two\n");
    assert_string_equal(world_shown(), "");
    assert_string_equal(world_does(ESCAPE "l"), "[terminal] the log comes between the lines\r\n[l0] two\r\n");
    assert_string_equal(world_does(ESCAPE "o" ESCAPE "l"), "[terminal] overview; Ctrl-] ? for help\r\n");
}

// The last 64 KiB, to the byte, and how much there was before.
static void scroll_back(void **state)
{
    (void)state;
    static char text[200001];
    char want[200];
    for (unsigned i = 0; i < 200000; i++)
        text[i] = (char)letter(i);
    world_begin(2);
    world_does(ESCAPE "a c1\r");
    world_print(0, text, STREAM_KEPT);
    snprintf(want, sizeof want, "[terminal] attach to: c0\r\n" C0_IS_NOW);
    const char *shown = world_does(ESCAPE "a c0\r");
    assert_memory_equal(shown, want, strlen(want));
    assert_int_equal(strlen(shown), strlen(want) + STREAM_KEPT);
    assert_memory_equal(shown + strlen(want), text, STREAM_KEPT);
    world_does(ESCAPE "n");
    world_print(0, text + STREAM_KEPT, 200000 - STREAM_KEPT);
    snprintf(want, sizeof want, "[terminal] attach to: c0\r\n" C0_IS_NOW "[... %u bytes dropped]\r\n",
             200000 - STREAM_KEPT);
    shown = world_does(ESCAPE "a c0\r");
    assert_memory_equal(shown, want, strlen(want));
    assert_string_equal(shown + strlen(want), text + 200000 - STREAM_KEPT);
}

// Nothing that is typed gets lost, however late the guest reads it.
static void the_guest_is_slow(void **state)
{
    (void)state;
    char keys[2] = {0};
    uint64_t typed = 0, seen = 0;
    world_begin(1);
    while (keys[0] = (char)letter(typed), world_type(keys)) {
        typed++;
        world_work();
    }
    assert_int_equal(typed, 2 * INPUT_RING_BYTES);
    while (seen < typed) {
        const char *text = world_typed(0);
        assert_true(*text);
        for (; *text; text++)
            assert_int_equal((uint8_t)*text, letter(seen++));
        world_work();
    }
}

// Whoever is killed when: each key and each byte arrives once.
static void nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    char keys[3] = {0}, byte;
    uint64_t typed = 0, seen = 0, said = 0;
    world_begin(1);
    world.kills = 3;
    srand(7);
    for (int i = 0; i < 60000; i++) {
        keys[0] = i % 50 ? (char)letter(typed) : ESCAPE[0];
        keys[1] = i % 50 ? 0 : ESCAPE[0];
        typed += world_type(keys) && i % 50;
        byte = (char)letter(said++);
        world_print(0, &byte, 1);
        world_work();
        world_drain((uint32_t)rand() % 4);
        for (const char *text = rand() % 8 ? "" : world_typed(0); *text; text++)
            if (*text != ESCAPE[0])
                assert_int_equal((uint8_t)*text, letter(seen++));
    }
    world.kills = 0;
    world_work();
    for (const char *text = world_typed(0); *text; text++)
        if (*text != ESCAPE[0])
            assert_int_equal((uint8_t)*text, letter(seen++));
    world_drain(OUTPUT_RING_BYTES);
    assert_int_equal(seen, typed);
    assert_int_equal(world.got_bytes, said);
    for (uint64_t i = 0; i < said; i++)
        assert_int_equal((uint8_t)world.got[i], letter(i));
}

// ---- what others read ----

static enum status read_text(uint64_t *position, const char *name, char *text)
{
    uint64_t words[128] = {0};
    uint32_t count = 0;
    words[READ_POSITION] = *position;
    strncpy((char *)&words[READ_NAME], name, NAME_BYTES);
    enum status status = terminal_read(&world.t, words, &count);
    if (status != STATUS_OK)
        return status;
    *position = words[TEXT_NEXT];
    assert_true(words[TEXT_BYTES] <= TEXT_MAX && count == TEXT_BEGIN + (words[TEXT_BYTES] + 7) / 8);
    memcpy(text, &words[TEXT_BEGIN], words[TEXT_BYTES]);
    text[words[TEXT_BYTES]] = 0;
    return STATUS_OK;
}

static void others_read(void **state)
{
    (void)state;
    char text[TEXT_MAX + 1];
    uint64_t at = 0;
    world_begin(2);
    world_prints(1, "what c1\r\nsays");
    world_log(0, "2one\n");
    world_log(1, "0two\n2three\n");
    world_log(0, "2four\n");
    world_shown();
    assert_int_equal(read_text(&at, "c1", text), STATUS_OK);
    assert_string_equal(text, "what c1\r\nsays");
    assert_int_equal(read_text(&at, "c1", text), STATUS_OK);
    assert_string_equal(text, "");
    at = 0;
    assert_int_equal(read_text(&at, "log", text), STATUS_OK);
    assert_string_equal(text, "[l0] one\n[l1] two\n[l0] four\n[l1] three\n");
    at = 0;
    assert_int_equal(read_text(&at, "l1", text), STATUS_OK);
    assert_string_equal(text, "[l1] two\n[l1] three\n");
    assert_int_equal(read_text(&at, "l1", text), STATUS_OK);
    assert_string_equal(text, "");
    world_log(1, "2five\n");
    world_shown();
    assert_int_equal(read_text(&at, "l1", text), STATUS_OK);
    assert_string_equal(text, "[l1] five\n");
    assert_int_equal(read_text(&at, "l", text), STATUS_NOT_FOUND);
    assert_int_equal(read_text(&at, "a name without an end, as it is not sent", text), STATUS_NOT_FOUND);
}

// From a position that is not kept any more, or never was; in pieces, all that is kept.
static void others_read_late(void **state)
{
    (void)state;
    char text[TEXT_MAX + 1];
    uint64_t at = 17, first = 100000 - STREAM_KEPT, bytes = 0;
    world_begin(2);
    for (unsigned i = 0; i < 100000; i++) {
        char byte = (char)letter(i);
        world_print(0, &byte, 1);
    }
    world_work();
    for (;;) {
        uint64_t before = at;
        assert_int_equal(read_text(&at, "c0", text), STATUS_OK);
        if (at == before)
            break;
        for (const char *byte = text; *byte; byte++)
            assert_int_equal((uint8_t)*byte, letter(first + bytes++));
    }
    assert_int_equal(bytes, STREAM_KEPT);
    assert_int_equal(at, 100000);
    at = UINT64_MAX;
    assert_int_equal(read_text(&at, "c0", text), STATUS_OK);
    assert_int_equal(at, first + TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_go_to_the_console),
        cmocka_unit_test(attach_and_leave),
        cmocka_unit_test(names),
        cmocka_unit_test(the_log_between_lines),
        cmocka_unit_test(scroll_back),
        cmocka_unit_test(the_guest_is_slow),
        cmocka_unit_test(nothing_is_lost_or_doubled),
        cmocka_unit_test(others_read),
        cmocka_unit_test(others_read_late),
    };
    return cmocka_run_group_tests_name("terminal: input", tests, NULL, NULL);
}
