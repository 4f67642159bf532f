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
    assert_int_equal(config.images, 0);
    assert_true(config_read(&config,
                            "{\"stock\": 4, \"images\": [{\"ram\": 1, \"file\": \"guest/a/kernel\"},"
                            "{\"ram\": 0, \"file\": \"x\"}]}",
                            error));
    assert_int_equal(config.stock, 4);
    assert_int_equal(config.images, 2);
    assert_int_equal(config.image[0].ram, 1);
    assert_true(json_is(config.image[0].file, "guest/a/kernel"));
    assert_true(json_is(config.image[1].file, "x"));
}

static void test_bad(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"",
                                        "{\"stock\": -1}",
                                        "{\"stock\": 100000}",
                                        "{\"stok\": 1}",
                                        "{\"images\": [{\"ram\": 0}]}",
                                        "{\"images\": [{\"ram\": 64, \"file\": \"a\"}]}",
                                        "{\"images\": [{\"ram\": 0, \"file\": \"\"}]}",
                                        "{\"images\": [{\"ram\": 0, \"file\": 3}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        error[0] = 0;
        assert_false(config_read(&config, texts[i], error));
        assert_true(strlen(error) > 10);
    }
}

static void test_many(void **unused)
{
    (void)unused;
    static char text[40 * 2 * PAGER_IMAGES_MAX];
    for (unsigned n = PAGER_IMAGES_MAX; n <= 2 * PAGER_IMAGES_MAX; n += PAGER_IMAGES_MAX / 2) {
        size_t at = (size_t)sprintf(text, "{\"images\": [");
        for (unsigned i = 0; i < n; i++)
            at += (size_t)sprintf(text + at, "%s{\"ram\": 0, \"file\": \"f%u\"}", i ? ", " : "", i);
        strcpy(text + at, "]}");
        assert_int_equal(config_read(&config, text, error), n == PAGER_IMAGES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
