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

static char ours[128];
static size_t length;

static void put(char c)
{
    assert_true(length < sizeof ours - 1);
    ours[length++] = c;
    ours[length] = '\0';
}

__attribute__((format(printf, 1, 2))) static void format(const char *text, ...)
{
    va_list args;
    length = 0;
    va_start(args, text);
    kvformat(put, text, args);
    va_end(args);
}

#define BOTH(...)                                                                                            \
    do {                                                                                                     \
        char theirs[128];                                                                                    \
        format(__VA_ARGS__);                                                                                 \
        snprintf(theirs, sizeof theirs, __VA_ARGS__);                                                        \
        assert_string_equal(ours, theirs);                                                                   \
    } while (0)

static void numbers(void **state)
{
    (void)state;
    BOTH("%u %x %u", 0u, 0u, 1234567890u);
    BOTH("%u %x %lu %lx", UINT_MAX, UINT_MAX, ULONG_MAX, ULONG_MAX);
    BOTH("%lx %lu", 0x123456789abcdeful, 10ul);
}

static void texts(void **state)
{
    (void)state;
    BOTH("[%s] [%s] 100%% of %s%s", "one", "", "a", "b");
    BOTH("no format");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
