// A block driver's configuration: names of partitions
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c servers/common/block_config.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/json.h"
#include "servers/common/block_config.h"

static struct block_service service;
static char error[JSON_ERROR_MAX];

static void expect_error(const char *text, const char *why)
{
    assert_false(block_config_read(&service, text, error));
    assert_string_equal(error, why);
}

static void good(void **state)
{
    (void)state;
    assert_true(block_config_read(&service, "{\"channels\": [\"a.root\", \"b\\\\\"]}", error));
    assert_int_equal(service.port_count, 2);
    assert_string_equal(service.ports[0].partition, "a.root");
    assert_string_equal(service.ports[1].partition, "b\\");
    assert_true(block_config_read(&service, "{\"channels\": []}", error));
    assert_int_equal(service.port_count, 0);
}

static void bad(void **state)
{
    (void)state;
    expect_error("{}", "line 1: the driver's configuration lacks \"channels\"");
    expect_error("{\"channels\": [\"a\",\n\"a\"]}", "line 2: channels: 'a' twice");
    expect_error("{\"channels\": [\"\"]}", "line 1: a partition's name, expected up to 36 characters");
    expect_error("{\"channels\": [\"0123456789012345678901234567890123456\"]}",
                 "line 1: a partition's name, expected up to 36 characters");
    char many[1024] = "{\"channels\": [";
    for (unsigned i = 0; i <= DRIVER_CHANNELS_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"p%u\"", i ? ", " : "", i);
    strcat(many, "]}");
    expect_error(many, "line 1: channels: 33 of them, at most 32 are possible");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
