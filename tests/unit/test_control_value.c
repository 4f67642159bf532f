// JSON as clients send it: what is good, what is not, and what is read
// SPDX-License-Identifier: MIT
// LINK: servers/control/value.c servers/control/out.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/control/out.h"
#include "servers/control/value.h"

// The text lies at the end of its memory, so that reading on would be seen.
static const char *check(const char *text, size_t length)
{
    struct value v;
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    const char *wrong = value_check(copy, (uint32_t)length, &v);
    free(copy);
    return wrong;
}

static void test_good(void **unused)
{
    static const char *const good[] = {"{}",
                                       "[]",
                                       "0",
                                       "-0",
                                       "-1.50e+10",
                                       "1E2",
                                       "true",
                                       "false",
                                       "null",
                                       "\"\"",
                                       " { } ",
                                       "[1,2 , 3]",
                                       "{\"a\":{\"b\":[{},[],null]},\"c\":\"\\u00e4\\\"\\\\\"}",
                                       "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                       "\r[\t]\n",
                                       "\"\x7f\""};
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (check(good[i], strlen(good[i])))
            fail_msg("%s: %s", good[i], check(good[i], strlen(good[i])));
}

static void test_bad(void **unused)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[",
                                      "}",
                                      "]",
                                      "[1,]",
                                      "[,1]",
                                      "{,}",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "{\"a\":1 \"b\":2}",
                                      "[1 2]",
                                      "[1}",
                                      "{\"a\":1]",
                                      "01",
                                      "-",
                                      "1.",
                                      ".1",
                                      "1e",
                                      "+1",
                                      "1a",
                                      "tru",
                                      "nulll",
                                      "\"",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\u12\"",
                                      "\"\n\"",
                                      "\"\x80\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf5\x80\x80\x80\"",
                                      "\"\xe2\x82\"",
                                      "{} {}",
                                      "1 2",
                                      "'a'",
                                      "\"a\"b",
                                      "\xef\xbb\xbf{}",
                                      "\"\xf0\x8f\xbf\xbf\""};
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!check(bad[i], strlen(bad[i])))
            fail_msg("%s: is taken", bad[i]);
    assert_non_null(check("\"a\0b\"", 5));
    assert_non_null(check("{}\0", 3));
}

static void test_depth(void **unused)
{
    char text[4 * VALUE_DEPTH_MAX];
    (void)unused;
    for (unsigned depth = 1; depth <= VALUE_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(check(text, 2 * depth) == NULL, depth <= VALUE_DEPTH_MAX);
    }
}

// Each beginning of a good text is no good text.
static void test_cut_off(void **unused)
{
    static const char text[] = "{\"a\": [1.5e-3, true, null, \"\\u0041\xc3\xa4\"], \"b\": {\"c\": -7}}";
    (void)unused;
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_non_null(check(text, n));
    assert_null(check(text, sizeof text - 1));
}

static void test_read(void **unused)
{
    static const char text[] =
        " {\"a\\u0062\" : \"x\\n\\\"}\", \"c\":[{\"]\":1}],\"d\": 18446744073709551615 ,"
        "\"e\":18446744073709551616,\"f\":-1,\"g\":1.0,\"h\":\"\\u00e4\",\"i\":\"\\u0000\"}";
    struct value object;
    struct member m = {0};
    char copy[8];
    uint64_t number;
    (void)unused;
    assert_null(value_check(text, sizeof text - 1, &object));
    assert_true(value_next(&object, &m));
    assert_true(value_text(&m.key, copy, sizeof copy));
    assert_string_equal(copy, "ab");
    assert_true(value_text(&m.value, copy, sizeof copy));
    assert_string_equal(copy, "x\n\"}");
    assert_false(value_text(&m.value, copy, 4));
    assert_true(value_next(&object, &m));
    assert_int_equal(m.value.kind, VALUE_ARRAY);
    assert_int_equal(m.value.length, 9);
    assert_true(value_next(&object, &m));
    assert_true(value_number(&m.value, &number));
    assert_true(number == UINT64_MAX);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(value_next(&object, &m));
        assert_false(value_number(&m.value, &number));
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_true(value_next(&object, &m));
        assert_false(value_text(&m.value, copy, sizeof copy));
    }
    assert_false(value_next(&object, &m));
}

static void test_out(void **unused)
{
    char text[64];
    struct out o = {.at = text, .size = sizeof text};
    (void)unused;
    out_text(&o, "a\"\\\n\x01\xff\xc3\xa4\xe2\x82", 10);
    out_format(&o, ", %d", 7);
    out_raw(&o, "", 1);
    assert_string_equal(text, "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\", 7");
    o = (struct out){.at = text, .size = 4};
    out_text(&o, "abcd", 4);
    assert_true(o.full);
    assert_true(o.used <= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),  cmocka_unit_test(test_depth),
        cmocka_unit_test(test_cut_off), cmocka_unit_test(test_read), cmocka_unit_test(test_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
