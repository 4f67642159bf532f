// The console's configuration: what is read, and one line for what is wrong
// SPDX-License-Identifier: MIT
// LINK: servers/console/config.c servers/common/log_lines.c libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "servers/console/config.h"

static struct log_names config;
static char error[JSON_ERROR_MAX];

static void test_good(void **unused)
{
    (void)unused;
    assert_true(config_read(&config, "{\"level\": \"debug\", \"logs\": [\"init\", \"vmm.alpha\"]}", error));
    assert_int_equal(config.level, LOG_DEBUG);
    assert_int_equal(config.logs, 2);
    assert_string_equal(config.name[0], "init");
    assert_string_equal(config.name[1], "vmm.alpha");
    assert_true(config_read(&config, "{\"level\": \"error\", \"logs\": []}", error));
    assert_int_equal(config.logs, 0);
}

static void test_bad(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"level\": \"loud\", \"logs\": []}",
        "{\"level\": \"info\"}",
        "{\"level\": \"info\", \"logs\": [\"a name that is longer than any server's\"]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        error[0] = 0;
        assert_false(config_read(&config, texts[i], error));
        assert_true(strlen(error) > 10);
    }
}

static void test_many(void **unused)
{
    (void)unused;
    static char text[64 * CONSOLE_LOGS_MAX];
    for (unsigned logs = CONSOLE_LOGS_MAX; logs <= 2 * CONSOLE_LOGS_MAX; logs += CONSOLE_LOGS_MAX / 2) {
        size_t at = (size_t)sprintf(text, "{\"level\": \"info\", \"logs\": [\"0\"");
        for (unsigned i = 1; i < logs; i++)
            at += (size_t)sprintf(text + at, ", \"server%u\"", i);
        strcpy(text + at, "]}");
        assert_int_equal(config_read(&config, text, error), logs == CONSOLE_LOGS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
