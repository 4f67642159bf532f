// When init starts a server again, calls it hung, kills it as a test
// SPDX-License-Identifier: MIT
//
// LINK: servers/init/policy.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "servers/init/policy.h"

static void progress_is_a_completed_request(void **state)
{
    (void)state;
    // died before it ever waited; in its first request; behind it; with all requests kept unanswered
    assert_false(policy_progress(&(struct info_thread){.waits = 0}));
    assert_false(policy_progress(&(struct info_thread){.waits = 5, .messages = 1, .unanswered = 1}));
    assert_true(policy_progress(&(struct info_thread){.waits = 2, .messages = 1}));
    assert_true(policy_progress(&(struct info_thread){.waits = 3, .messages = 2, .unanswered = 1}));
    assert_false(policy_progress(&(struct info_thread){.waits = 3, .messages = 3, .unanswered = 3}));
    // bits only: the first wait ended with what killed it, or it came to wait again
    assert_false(policy_progress(&(struct info_thread){.waits = 1}));
    assert_true(policy_progress(&(struct info_thread){.waits = 2}));
}

static void a_count_of_requests_is_never_overstepped(void **state)
{
    (void)state;
    // A server that serves calls and calls others meanwhile: what it does by turns.
    static const bool waits[] = {false, true, true, false, false, true, false, true, true, true, true, true};
    for (uint64_t requests = 1; requests < 5; requests++) {
        struct info_thread now = {0};
        uint64_t stop = policy_calls_ahead(&now, requests), calls = 0;
        for (unsigned i = 0; i < sizeof waits && stop;
             i++) { // the i-th system call, which is still to be made
            if (++calls == stop) {
                stop = policy_calls_ahead(&now, requests);
                calls = 1;
            }
            now.waits += stop && waits[i];
            now.messages = now.waits;
            now.unanswered = now.waits != 0;
        }
        assert_int_equal(stop, 0);
        assert_int_equal(now.waits, requests + 1);
    }
    // one that keeps its calls has completed nothing
    struct info_thread keeps = {.waits = 9, .messages = 8, .unanswered = 8};
    assert_int_equal(policy_calls_ahead(&keeps, 3), 2);
    keeps.unanswered--;
    assert_int_equal(policy_calls_ahead(&keeps, 3), 0);
}

static void pauses_double(void **state)
{
    (void)state;
    assert_int_equal(policy_back_off_ns(0), 0);
    for (uint32_t n = 1; n < POLICY_DEATHS_MAX; n++)
        assert_int_equal(policy_back_off_ns(n), 10000000ul << (n - 1));
}

static enum hang look(struct watch *w, uint64_t state, uint64_t cpu, uint64_t syscalls, bool peer)
{
    return policy_hang(
        w, &(struct info_thread){.state = state, .cpu_time_since_wait = cpu, .syscalls = syscalls}, 100,
        peer);
}

static void computing_has_a_limit(void **state)
{
    (void)state;
    struct watch w = {0};
    assert_int_equal(look(&w, THREAD_READY, 100, 1, false), HANG_NO);
    assert_int_equal(look(&w, THREAD_READY, 101, 1, false), HANG_CPU);
    assert_int_equal(look(&w, THREAD_WAITS, 5000, 1, false), HANG_NO);
}

static void blocked_on_nobody_is_hung_at_the_second_look(void **state)
{
    (void)state;
    static const uint64_t blocked[] = {THREAD_CALLS, THREAD_PAGING, THREAD_STOPPED};
    for (unsigned i = 0; i < 3; i++) {
        struct watch w = {0};
        assert_int_equal(look(&w, blocked[i], 0, 7, false), HANG_NO);
        assert_int_equal(look(&w, blocked[i], 0, 8, false), HANG_NO); // another call meanwhile
        assert_int_equal(look(&w, blocked[i], 0, 8, false), HANG_BLOCKED);
    }
}

static void blocked_on_another_server_is_that_server_s_matter(void **state)
{
    (void)state;
    struct watch w = {0};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(look(&w, THREAD_CALLS, 0, 7, true), HANG_NO);
    assert_int_equal(look(&w, THREAD_CALLS, 0, 7, false),
                     HANG_NO); // its endpoint died: the first look at that
    assert_int_equal(look(&w, THREAD_WAITS, 0, 8, false), HANG_NO);
    assert_int_equal(look(&w, THREAD_CALLS, 0, 8, false), HANG_NO); // waited in between
}

static void schedule_counts_from_its_start(void **state)
{
    (void)state;
    struct schedule s;
    schedule_start(&s, 1000, 50, 3);
    assert_int_equal(schedule_next(&s), 1050);
    assert_false(schedule_due(&s, 1049));
    assert_true(schedule_due(&s, 1070)); // late: the next one is not
    assert_int_equal(schedule_next(&s), 1100);
    assert_true(schedule_due(&s, 5000));
    assert_true(schedule_due(&s, 5000));
    assert_false(schedule_due(&s, 5000));
    assert_true(schedule_next(&s) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_a_completed_request),
        cmocka_unit_test(a_count_of_requests_is_never_overstepped),
        cmocka_unit_test(pauses_double),
        cmocka_unit_test(computing_has_a_limit),
        cmocka_unit_test(blocked_on_nobody_is_hung_at_the_second_look),
        cmocka_unit_test(blocked_on_another_server_is_that_server_s_matter),
        cmocka_unit_test(schedule_counts_from_its_start),
    };
    return cmocka_run_group_tests_name("init policy", tests, NULL, NULL);
}
