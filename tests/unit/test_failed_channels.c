// Block channels whose driver has failed: errors for what is submitted, and a new client's epoch
// SPDX-License-Identifier: MIT
// LINK: servers/failed/channels.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/failed/channels.h"

static void fails(void **state)
{
    (void)state;
    struct block_channel c = {.epoch = 3, .confirmed = 3, .presence = BLOCK_PRESENT, .sectors = 8};
    c.request[0].state = BLOCK_SUBMITTED;
    c.request[1] = (struct block_request){.state = BLOCK_DONE, .status = BLOCK_RANGE};
    channel_fail(&c);
    assert_int_equal(c.presence, BLOCK_ABSENT);
    assert_int_equal(c.request[0].state, BLOCK_DONE);
    assert_int_equal(c.request[0].status, BLOCK_ERROR);
    assert_int_equal(c.request[1].state, BLOCK_DONE); // the driver's own answer stands
    assert_int_equal(c.request[1].status, BLOCK_RANGE);
    assert_int_equal(c.request[2].state, BLOCK_FREE);
}

static void confirms(void **state)
{
    (void)state;
    struct block_channel c = {.epoch = 4, .confirmed = 3};
    c.request[0].state = BLOCK_SUBMITTED;
    c.request[1].state = BLOCK_DONE;
    channel_fail(&c);
    assert_int_equal(c.confirmed, 4);
    assert_int_equal(c.presence, BLOCK_ABSENT);
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        assert_int_equal(c.request[i].state, BLOCK_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fails), cmocka_unit_test(confirms)};
    return cmocka_run_group_tests_name("failed channels", tests, NULL, NULL);
}
