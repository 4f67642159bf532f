// Stored replies: a message counts once, wherever the server dies, and always gets the same answer.
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/cutoff.h"

#include "libipc/replies.h"
#include "libipc/state.c"
#include "libipc/state_open.c"

static uint8_t object[4096] __attribute__((aligned(STATE_ALIGN)));

struct counter {
    uint64_t value;
    struct stored_reply replies[2];
};

static const struct state_section section = {1, sizeof(struct counter)};
static const struct state_layout layout = {1, 1, 320, 1, &section};

// "Add one and answer the sum", as a server does it; answers what the caller would get.
static uint64_t counter_message(uint64_t caller, uint64_t seq)
{
    struct state s;

    assert_int_equal(state_open(&s, object, sizeof(object), &layout, START_RESTART), STATE_OK);
    struct counter *counter = state_section(&s, 1);
    struct stored_reply *entry = reply_find(counter->replies, 2, caller);
    assert_non_null(entry);
    enum reply_seen seen = reply_seen(entry, caller, seq);
    assert_int_not_equal(seen, REPLY_STALE);
    if (seen == REPLY_NEW) {
        counter->value++;
        *entry = (struct stored_reply){caller, seq, 0, {counter->value}};
        struct state_range ranges[] = {{&counter->value, 8}, {entry, sizeof(*entry)}};
        assert_int_equal(state_commit_ranges(&s, ranges, 2), STATE_OK);
    }
    return entry->words[0];
}

static uint64_t counter_call(uint64_t caller, uint64_t seq, uint64_t limit)
{
    if (setjmp(cutoff.out) == 0) {
        cutoff_arm(limit, 0);
        (void)counter_message(caller, seq);
    }
    cutoff.armed = false;
    return counter_message(caller, seq); // delivered again
}

// Wherever the server dies, each message counts once and gets the same answer every time.
static void test_messages_count_once(void **unused)
{
    (void)unused;
    struct state s;
    uint64_t sum = 0;

    assert_int_equal(state_open(&s, object, sizeof(object), &layout, START_FRESH), STATE_EMPTY);
    state_adopt(&s);
    for (uint64_t limit = 1; limit <= 400; limit++) { // a message takes less than 200 stores
        assert_int_equal(counter_call(71, 2 * limit, limit), ++sum);
        assert_int_equal(counter_message(72, limit), ++sum);
        assert_int_equal(counter_message(71, 2 * limit), sum - 1);
    }
    assert_int_equal(state_open(&s, object, sizeof(object), &layout, START_RESTART), STATE_OK);
    struct counter *counter = state_section(&s, 1);
    assert_int_equal(reply_seen(&counter->replies[0], 71, 1), REPLY_STALE);
    assert_null(reply_find(counter->replies, 2, 73));
    reply_forget(&counter->replies[0]);
    assert_ptr_equal(reply_find(counter->replies, 2, 73), &counter->replies[0]);
    assert_int_equal(reply_seen(&counter->replies[0], 73, 1), REPLY_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages_count_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
