// The host's command line: options before, between and behind words, and what is wrong with them
// SPDX-License-Identifier: MIT
//
// LINK: tools/command/options.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/command/options.h"

enum { WORDS = 16 };

static struct command_line line;
static char *words[WORDS];

// The arguments are up to a NULL.
static bool parse(const char *first, ...)
{
    static char text[WORDS][64];
    char *arguments[WORDS];
    int count = 0;
    va_list more;
    va_start(more, first);
    for (const char *a = first; a; a = va_arg(more, const char *)) {
        strncpy(text[count], a, sizeof text[0] - 1);
        arguments[count] = text[count];
        count++;
    }
    va_end(more);
    static char *kept[WORDS];
    memcpy(kept, arguments, sizeof kept);
    return options_parse(&line, kept, count, words);
}

static const char *text_of(enum option o)
{
    return line.options.value[o].text;
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    assert_true(parse("--json", "vm", "--timeout", "30", "start", "-f", "alpha", NULL));
    assert_int_equal(line.count, 3);
    assert_string_equal(line.words[0], "vm");
    assert_string_equal(line.words[2], "alpha");
    assert_non_null(text_of(OPTION_JSON));
    assert_non_null(text_of(OPTION_FOLLOW));
    assert_int_equal(line.options.value[OPTION_TIMEOUT].number, 30);
    assert_null(text_of(OPTION_FORCE));
    assert_null(line.rest);
}

static void what_follows_two_dashes_is_no_option(void **state)
{
    (void)state;
    assert_true(parse("run", "one-vm", "--", "-cpu", "--json", NULL));
    assert_int_equal(line.count, 2);
    assert_int_equal(line.rest_count, 2);
    assert_string_equal(line.rest[1], "--json");
    assert_null(text_of(OPTION_JSON));
    assert_true(parse("run", "--", NULL));
    assert_non_null(line.rest);
    assert_int_equal(line.rest_count, 0);
}

static void a_dash_is_a_word(void **state)
{
    (void)state;
    assert_true(parse("check", "-", NULL));
    assert_string_equal(line.words[1], "-");
}

static void unknown_ones_are_told(void **state)
{
    (void)state;
    assert_false(parse("check", "--jason", NULL));
    assert_string_equal(line.error, "--jason is no option");
    assert_false(parse("-x", NULL));
    assert_false(parse("---------------------------------------------------------------", NULL));
}

static void values_are_judged(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "0", "-1", "4k", "1048577", "99999999999999999999", " 5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse("--memory", bad[i], NULL));
        assert_non_null(strstr(line.error, "expected a number, 1 to 1048576"));
    }
    assert_true(parse("--memory", "1048576", NULL));
    assert_false(parse("run", "--memory", NULL));
    assert_string_equal(line.error, "--memory lacks its value, MIB");
    assert_false(parse("--machine", "vax", NULL));
    assert_string_equal(line.error, "--machine 'vax': expected one of qemu bochs kvm");
    assert_true(parse("--machine", "bochs", NULL));
    assert_string_equal(text_of(OPTION_MACHINE), "bochs");
}

static void a_command_takes_its_own_only(void **state)
{
    (void)state;
    assert_true(parse("ps", "--json", NULL));
    assert_true(options_within(&line, OPTION_BIT(OPTION_JSON)));
    assert_false(options_within(&line, OPTION_BIT(OPTION_FORCE)));
    assert_string_equal(line.error, "--json is no option of this command");
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPTIONS; i++) {
        assert_int_equal(option_rows[i].name[0], '-');
        assert_ptr_equal(option_find(option_rows[i].name), &option_rows[i]);
        assert_non_null(option_rows[i].help);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere), cmocka_unit_test(what_follows_two_dashes_is_no_option),
        cmocka_unit_test(a_dash_is_a_word),       cmocka_unit_test(unknown_ones_are_told),
        cmocka_unit_test(values_are_judged),      cmocka_unit_test(a_command_takes_its_own_only),
        cmocka_unit_test(every_row_is_complete),
    };
    return cmocka_run_group_tests_name("host_options", tests, NULL, NULL);
}
