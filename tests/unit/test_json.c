// JSON by tables: what is read, and what each mistake is answered with
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/json.h"

static const char *const colours[] = {"red", "green", NULL};

struct thing {
    struct json_text name;
    uint64_t size;
    bool on;
    uint32_t colour;
    struct json_node parts, more;
};

static const struct json_field fields[] = {
    {JSON_FIELD(struct thing, name), .kind = JSON_TEXT, .least = 1, .most = 8},
    {JSON_FIELD(struct thing, size), .kind = JSON_NUMBER, .optional = true, .least = 2, .most = 300},
    {JSON_FIELD(struct thing, on), .kind = JSON_BOOL, .optional = true},
    {JSON_FIELD(struct thing, colour), .kind = JSON_CHOICE, .optional = true, .names = colours},
    {JSON_FIELD(struct thing, parts), .kind = JSON_ARRAY, .optional = true},
    {JSON_FIELD(struct thing, more), .kind = JSON_OBJECT, .optional = true},
};

struct document {
    struct json j;
    struct json_node root;
    void *tokens;
};

static bool parse(struct document *d, const char *text)
{
    uint32_t count = json_count(&d->j, text, strlen(text));
    d->tokens = count ? malloc(json_token_bytes(count)) : NULL;
    return count && json_parse(&d->j, d->tokens, &d->root);
}

static bool read_thing(struct document *d, const char *text, struct thing *thing)
{
    *thing = (struct thing){.size = 7};
    return parse(d, text) && json_read(&d->j, d->root, "a thing", JSON_FIELDS(fields), thing);
}

static void all_kinds(void **state)
{
    (void)state;
    struct document d;
    struct thing t;
    assert_true(read_thing(&d,
                           "{\"name\": \"x\", \"size\": \"0xfF\", \"on\": true, \"colour\": \"green\",\n"
                           " \"parts\": [1, {\"a\": [2, 3]}, [], \"last\"], \"more\": {}}",
                           &t));
    assert_true(json_is(t.name, "x"));
    assert_int_equal(t.size, 255);
    assert_true(t.on);
    assert_int_equal(t.colour, 1);
    assert_int_equal(t.parts.count, 4);
    static const char *const parts[] = {"1", "{\"a\": [2, 3]}", "[]", "last"};
    unsigned i = 0;
    for (struct json_node n = {0}; json_next(&d.j, t.parts, &n); i++)
        assert_true(json_is(json_raw(&d.j, n), parts[i]));
    assert_int_equal(i, 4);
    assert_int_equal(t.more.count, 0);
    free(d.tokens);
}

static void what_is_missing_stays(void **state)
{
    (void)state;
    struct document d;
    struct thing t;
    assert_true(read_thing(&d, "{\"name\": \"y\"}", &t));
    assert_int_equal(t.size, 7);
    struct json_node n = {0};
    assert_false(json_next(&d.j, t.parts, &n));
    free(d.tokens);
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"{\"nam\": \"x\"}", "line 1: unknown key \"nam\" of a thing"},
    {"{\n\"name\": \"x\",\n\"name\": \"x\"}", "line 3: name: given twice"},
    {"{\"size\": 3}", "line 1: a thing lacks \"name\""},
    {"{\"name\": 3}", "line 1: name: expected a text in quotes"},
    {"{\"name\": \"123456789\"}", "line 1: name: 9 characters, expected 1 to 8"},
    {"{\"name\": \"x\",\n \"size\": 1}", "line 2: size: 1, expected 2 to 300"},
    {"{\"name\": \"x\", \"size\": 1.5}", "line 1: size: '1.5' is no whole number"},
    {"{\"name\": \"x\", \"size\": -5}", "line 1: size: '-5' is no whole number"},
    {"{\"name\": \"x\", \"size\": \"12\"}", "line 1: size: expected a number"},
    {"{\"name\": \"x\", \"size\": 99999999999999999999}",
     "line 1: size: '99999999999999999999' is no whole number"},
    {"{\"name\": \"x\", \"on\": 1}", "line 1: on: expected true or false"},
    {"{\"name\": \"x\", \"colour\": \"blue\"}", "line 1: colour: 'blue', expected one of red, green"},
    {"{\"name\": \"x\", \"parts\": {}}", "line 1: parts: expected an array: [...]"},
    {"{\"name\": \"x\", \"more\": []}", "line 1: more: expected an object: {...}"},
    {"[]", "line 1: expected an object: {...}"},
    {"", "line 1: the text ends in the middle, expected more"},
    {"{\"name\": \"x\"", "line 1: the text ends in the middle, expected more"},
    {"{\"name\" \"x\"}", NULL},
    {"{\"name\": \"x\" \"on\": true}", NULL},
    {"{\"name\": \"x\",, \"on\": true}", NULL},
    {"{\"name\": \"x\",}", "line 1: ',' is not expected here"},
    {"{\"name\": \"x\", \"parts\": [1 2]}", "line 1: expected ',' before this"},
    {"{\"name\": \"x\", \"parts\": [1, 2,]}", "line 1: ',' is not expected here"},
    {"{\"name\": \"x\", \"parts\": [\"a\": 1]}", NULL},
    {"{\"name\": \"x\"} {", NULL},
    {"{\"name\": \"x\"} true", NULL},
    {", {\"name\": \"x\"}", "line 1: ',' is not expected here"},
    {"{1: 2}", NULL},
    {"{\"name\"}", NULL},
    {"{\"name\": }", NULL},
};

static void mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct document d;
        struct thing t;
        if (read_thing(&d, wrong[i].text, &t))
            fail_msg("accepted: %s", wrong[i].text);
        if (wrong[i].error)
            assert_string_equal(d.j.error, wrong[i].error);
        else
            assert_int_equal(strncmp(d.j.error, "line 1: ", 8), 0);
        free(d.tokens);
    }
}

static void escapes(void **state)
{
    (void)state;
    char to[16];
    static const char text[] = "a\\n\\\"\\\\\\u0041\\/";
    assert_true(json_copy((struct json_text){text, sizeof text - 1}, to, sizeof to));
    assert_string_equal(to, "a\n\"\\A/");
    assert_true(json_copy((struct json_text){text, sizeof text - 1}, to, 7));
    assert_false(json_copy((struct json_text){text, sizeof text - 1}, to, 6));
    static const char *const bad[] = {"\\", "\\x", "\\u12", "\\u00e9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(json_copy((struct json_text){bad[i], (uint32_t)strlen(bad[i])}, to, sizeof to));
}

static void some_keys_only(void **state)
{
    (void)state;
    struct document d;
    struct thing t = {0};
    assert_true(parse(&d, "{\"else\": [1], \"size\": 5, \"last\": {\"size\": 6}}"));
    assert_true(json_read_some(&d.j, d.root, JSON_FIELDS(fields), &t));
    assert_int_equal(t.size, 5);
    free(d.tokens);
}

static void room_for_so_many_tokens(void **state)
{
    (void)state;
    uint64_t tokens[3 * JSON_TOKEN_BYTES / sizeof(uint64_t)];
    struct json j;
    struct json_node root;
    struct thing t = {0};
    assert_true(json_open(&j, "{\"size\": 5}", tokens, sizeof tokens, &root));
    assert_true(json_read_some(&j, root, JSON_FIELDS(fields), &t));
    assert_int_equal(t.size, 5);
    assert_false(json_open(&j, "{\"size\": 5, \"more\": [1, 2, 3, 4, 5, 6]}", tokens, sizeof tokens, &root));
    assert_string_equal(j.error, "line 1: 11 values, more than are expected");
    assert_false(json_open(&j, "{", tokens, sizeof tokens, &root));
    assert_string_not_equal(j.error, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds),      cmocka_unit_test(what_is_missing_stays),
        cmocka_unit_test(mistakes),       cmocka_unit_test(escapes),
        cmocka_unit_test(some_keys_only), cmocka_unit_test(room_for_so_many_tokens),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
