// The pager's configuration: what is read, and one line for what is wrong
// SPDX-License-Identifier: MIT
// LINK: servers/memory/config.c libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/json.h"
#include "servers/memory/config.h"

static struct memory_config config;
static char error[JSON_ERROR_MAX];

static void test_good(void **unused)
{
    (void)unused;
    assert_true(config_read(&config, "{}", error));
    assert_int_equal(config.stock, 16);
    assert_true(config_read(&config, "{\"stock\": 4}", error));
    assert_int_equal(config.stock, 4);
}

static void test_bad(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"", "{\"stock\": -1}", "{\"stock\": 100000}", "{\"stok\": 1}",
                                        "{\"stock\": [1, 2, 3, 4, 5, 6, 7, 8, 9]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        error[0] = 0;
        assert_false(config_read(&config, texts[i], error));
        assert_true(strlen(error) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
