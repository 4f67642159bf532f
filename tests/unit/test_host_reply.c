// What the host's command makes of the bytes that come from control, however they are cut
// SPDX-License-Identifier: MIT
//
// LINK: tools/control/lines.c tools/control/reply.c -ljansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/control/lines.h"
#include "tools/control/reply.h"

static void add(struct lines *l, const char *bytes, size_t count)
{
    while (count) {
        size_t room;
        char *to = lines_room(l, &room);
        assert_non_null(to);
        room = room < count ? room : count;
        memcpy(to, bytes, room);
        lines_added(l, room);
        bytes += room;
        count -= room;
    }
}

static void expect(struct lines *l, const char *text)
{
    size_t length;
    const char *line = lines_next(l, &length);
    if (!text) {
        assert_null(line);
        return;
    }
    assert_non_null(line);
    assert_string_equal(line, text);
    assert_int_equal(length, strlen(text));
}

static void lines_come_whole(void **state)
{
    (void)state;
    static const char stream[] = "one\n\ntwo and more\nthr";
    for (size_t cut = 0; cut < sizeof stream - 1; cut++) {
        struct lines l = {0};
        const char *text[] = {"one", "", "two and more", NULL};
        size_t seen = 0, length;
        const char *line;
        add(&l, stream, cut);
        while ((line = lines_next(&l, &length)))
            assert_string_equal(line, text[seen++]);
        add(&l, stream + cut, sizeof stream - 1 - cut);
        while ((line = lines_next(&l, &length)))
            assert_string_equal(line, text[seen++]);
        assert_int_equal(seen, 3);
        add(&l, "ee\n", 3);
        expect(&l, "three");
        lines_free(&l);
    }
}

static void nothing_is_no_line(void **state)
{
    (void)state;
    struct lines l = {0};
    expect(&l, NULL);
    lines_free(&l);
}

static void a_huge_line_is_taken(void **state)
{
    (void)state;
    struct lines l = {0};
    size_t bytes = 3 << 20, length;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'x', bytes);
    text[bytes - 1] = '\n';
    add(&l, text, bytes);
    assert_non_null(lines_next(&l, &length));
    assert_int_equal(length, bytes - 1);
    free(text);
    lines_free(&l);
}

static void what_is_too_long_is_dropped_up_to_its_end(void **state)
{
    (void)state;
    struct lines l = {0};
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    for (size_t n = 0; n < LINE_MAX_BYTES + sizeof piece; n += sizeof piece)
        add(&l, piece, sizeof piece);
    expect(&l, NULL);
    add(&l, "rest\ngood\n", 10);
    expect(&l, "good");
    expect(&l, NULL);
    lines_free(&l);
}

static enum reply_kind sort(const char *line, json_t **value)
{
    return reply_sort(line, strlen(line), "7", value);
}

static void answers_are_told_by_their_id(void **state)
{
    (void)state;
    json_t *value;
    assert_int_equal(sort("{\"return\": [1], \"id\": \"7\"}", &value), REPLY_RETURN);
    assert_int_equal(json_array_size(value), 1);
    json_decref(value);
    assert_int_equal(sort("{\"error\": {\"class\": \"Failed\", \"desc\": \"no\"}, \"id\": \"7\"}", &value),
                     REPLY_ERROR);
    assert_string_equal(json_string_value(json_object_get(value, "desc")), "no");
    json_decref(value);
    assert_int_equal(sort("{\"event\": \"SHUTDOWN\", \"data\": {}}", &value), REPLY_EVENT);
    json_decref(value);
}

static void all_else_is_nobodys(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "\r",
        "memory_kib\": 5}]}",
        "{\"return\": {}}",
        "{\"return\": {}, \"id\": 7}",
        "{\"return\": {}, \"id\": \"8\"}",
        "{\"id\": \"7\"}",
        "{\"error\": \"no\", \"id\": \"7\"}",
        "[]",
        "7",
        "{\"Bulkhead\": {\"version\": \"0.1\"}}",
        "{\"event\": 5}",
        "\xff\xfe{}",
        "{\"return\": {}, \"id\": \"7\"",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        json_t *value;
        assert_int_equal(sort(lines[i], &value), REPLY_OTHER);
    }
}

static void a_command_is_one_line(void **state)
{
    (void)state;
    json_t *arguments = json_pack("{s:s}", "name", "al\npha");
    char *line = reply_command("vm-start", arguments, "7");
    assert_string_equal(line,
                        "{\"execute\":\"vm-start\",\"id\":\"7\",\"arguments\":{\"name\":\"al\\npha\"}}\n");
    free(line);
    json_decref(arguments);
    line = reply_command("query-vms", NULL, "7");
    assert_string_equal(line, "{\"execute\":\"query-vms\",\"id\":\"7\"}\n");
    free(line);
    assert_null(reply_command("bad\xff", NULL, "7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole),
        cmocka_unit_test(nothing_is_no_line),
        cmocka_unit_test(a_huge_line_is_taken),
        cmocka_unit_test(what_is_too_long_is_dropped_up_to_its_end),
        cmocka_unit_test(answers_are_told_by_their_id),
        cmocka_unit_test(all_else_is_nobodys),
        cmocka_unit_test(a_command_is_one_line),
    };
    return cmocka_run_group_tests_name("host_reply", tests, NULL, NULL);
}
