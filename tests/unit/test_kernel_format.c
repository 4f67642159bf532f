// The kernel's formats against the C library's
// SPDX-License-Identifier: MIT
// LINK: kernel/lib/format.c

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/print.h"

#define BOTH(...)                                                                                            \
    do {                                                                                                     \
        char ours[128], theirs[128];                                                                         \
        size_t n = kformat(ours, sizeof ours, __VA_ARGS__);                                                  \
        assert_int_equal(n, snprintf(theirs, sizeof theirs, __VA_ARGS__));                                   \
        assert_string_equal(ours, theirs);                                                                   \
    } while (0)

static void numbers(void **state)
{
    (void)state;
    BOTH("%d %d %d %i", 0, INT_MAX, INT_MIN, -1);
    BOTH("%ld %ld", LONG_MAX, LONG_MIN);
    BOTH("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0x123456789abcdefull);
    BOTH("%u %x %lu %lx", UINT_MAX, UINT_MAX, ULONG_MAX, ULONG_MAX);
    BOTH("%zu %zx", (size_t)-1, (size_t)0xdead);
    BOTH("%p", (void *)0x1000);
}

static void widths(void **state)
{
    (void)state;
    BOTH("[%5d][%-5d][%05d][%5d][%-5d][%05d]", 42, 42, 42, -42, -42, -42);
    BOTH("[%2d][%02x][%016lx][%3lu]", 12345, 0xabcu, 0xfeedul, 7ul);
    BOTH("[%10s][%-10s][%2s]", "abc", "abc", "abc");
    BOTH("[%c][%3c][%-3c]", 'x', 'y', 'z');
    BOTH("100%% %s", "");
}

static void cut_off_at_the_buffer(void **state)
{
    (void)state;
    char text[8];
    memset(text, '#', sizeof text);
    assert_int_equal(kformat(text, 4, "%s", "abcdef"), 6);
    assert_string_equal(text, "abc");
    assert_int_equal(text[4], '#');
    assert_int_equal(kformat(text, 1, "%d", 123456), 6);
    assert_string_equal(text, "");
}

static void mistakes_are_shown(void **state)
{
    (void)state;
    char text[32];
    const char *unknown = "a%qb", *unfinished = "a%", *string = "%s";
    const char *volatile nothing = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    kformat(text, sizeof text, unknown);
    assert_string_equal(text, "a%qb");
    kformat(text, sizeof text, unfinished);
    assert_string_equal(text, "a");
    kformat(text, sizeof text, string, nothing);
    assert_string_equal(text, "(null)");
#pragma GCC diagnostic pop
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(widths),
        cmocka_unit_test(cut_off_at_the_buffer),
        cmocka_unit_test(mistakes_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
