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
    assert_int_equal(config.backings, 0);
    assert_true(config_read(&config,
                            "{\"stock\": 4, \"backings\": ["
                            "{\"ram\": 1, \"first\": 4096, \"archive\": 17, \"pages\": 2000},"
                            "{\"ram\": 0, \"first\": 0, \"archive\": 0, \"pages\": 1}]}",
                            error));
    assert_int_equal(config.stock, 4);
    assert_int_equal(config.backings, 2);
    assert_int_equal(config.backing[0].ram, 1);
    assert_int_equal(config.backing[0].first, 4096);
    assert_int_equal(config.backing[0].archive, 17);
    assert_int_equal(config.backing[0].pages, 2000);
}

static void test_bad(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",
        "{\"stock\": -1}",
        "{\"stock\": 100000}",
        "{\"stok\": 1}",
        "{\"backings\": [{\"ram\": 0}]}",
        "{\"backings\": [{\"ram\": 64, \"first\": 0, \"archive\": 0, \"pages\": 1}]}",
        "{\"backings\": [{\"ram\": 0, \"first\": 0, \"archive\": 0, \"pages\": 0}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        error[0] = 0;
        assert_false(config_read(&config, texts[i], error));
        assert_true(strlen(error) > 10);
    }
}

static void test_many(void **unused)
{
    (void)unused;
    static char text[80 * 2 * PAGER_BACKINGS_MAX];
    for (unsigned n = PAGER_BACKINGS_MAX; n <= 2 * PAGER_BACKINGS_MAX; n += PAGER_BACKINGS_MAX / 2) {
        size_t at = (size_t)sprintf(text, "{\"backings\": [");
        for (unsigned i = 0; i < n; i++)
            at += (size_t)sprintf(text + at, "%s{\"ram\": 0, \"first\": %u, \"archive\": 0, \"pages\": 1}",
                                  i ? ", " : "", i);
        strcpy(text + at, "]}");
        assert_int_equal(config_read(&config, text, error), n == PAGER_BACKINGS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
