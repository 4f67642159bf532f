// The serial driver's configuration: what is read, and one line for what is wrong
// SPDX-License-Identifier: MIT
// LINK: servers/drivers/uart/config.c libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/json.h"
#include "libipc/proto/layout.h"
#include "servers/drivers/uart/config.h"

static struct uart_config config;
static char error[JSON_ERROR_MAX];

static void test_good(void **unused)
{
    (void)unused;
    assert_true(config_read(&config, "{}", error));
    assert_int_equal(config.port, 0x3f8);
    assert_int_equal(config.output, OUTPUT_RING_BYTES);
    assert_int_equal(config.input, INPUT_RING_BYTES);
    assert_true(config_read(&config, "{\"port\": 760, \"output\": 64, \"input\": 32}", error));
    assert_int_equal(config.port, 0x2f8);
    assert_int_equal(config.output, 64);
    assert_int_equal(config.input, 32);
}

static void test_bad(void **unused)
{
    static const char *const texts[] = {"", "{\"port\": 65536}", "{\"ports\": 1}", "{\"output\": \"x\"}",
                                        "{\"port\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]}"};
    (void)unused;
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
