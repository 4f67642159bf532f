// What a commit costs, in instructions: this file compiles itself again as it would run, and single-steps
// that. SPDX-License-Identifier: MIT LINK:
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_BYTES = 16384, LOG_COMMITS = LOG_BYTES / 8 / 7 };

#ifdef COST_SUBJECT

#include "libipc/state.c"
#include "libipc/state_open.c"

enum { SIZE = 1 << 15, STATE = 1024 };

static const struct state_section sections[] = {{1, STATE}};
static const struct state_layout layout = {1, 1, LOG_BYTES, 1, sections};
static uint8_t object[SIZE] __attribute__((aligned(STATE_ALIGN)));
static struct state s;

// The parent counts between two breakpoints.
#define MARK() __asm__ volatile("int3" ::: "memory")

static void must(enum state_status status)
{
    if (status != STATE_OK) {
        abort();
    }
}

static void fill_log(const uint8_t *work)
{
    while (s.tail + 7 <= s.limit) {
        must(state_commit(&s, work, 32));
    }
}

int main(void)
{
    if (state_open(&s, object, sizeof(object), &layout, START_FRESH) != STATE_EMPTY) {
        return 1;
    }
    state_adopt(&s);
    uint8_t *work = state_section(&s, 1);
    enum state_status status;
    MARK();
    MARK();
    MARK();
    status = state_commit(&s, work + 96, 32);
    MARK();
    must(status);
    MARK();
    status = state_commit(&s, work + 64, 64);
    MARK();
    must(status);
    MARK();
    status = state_commit(&s, work + 128, 120);
    MARK();
    must(status);
    struct state_range two[] = {{work, 64}, {work + 512, 56}};
    MARK();
    status = state_commit_ranges(&s, two, 2);
    MARK();
    must(status);
    struct state_range parts[] = {{work, 48}, {work + 512, 128}};
    for (unsigned i = 0; i < 4; i++) {
        work[(const unsigned[]){0, 8, 24, 520}[i]]++;
    }
    MARK();
    status = state_commit_changes(&s, parts, 2);
    MARK();
    must(status);
    fill_log(work);
    MARK();
    status = state_checkpoint(&s);
    MARK();
    must(status);
    fill_log(work);
    MARK();
    for (unsigned i = 0; i < LOG_COMMITS; i++) {
        must(state_commit(&s, work + i % 64 * 8, 32));
    }
    MARK();
    return 0;
}

#else

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *name;
    unsigned long times;
    unsigned long limit; // 0: only told
} costs[] = {
    {"nothing", 1, 0},
    {"a commit of 32 bytes", 1, 150},
    {"a commit of 64 bytes", 1, 200},
    {"a commit of 120 bytes", 1, 350},
    {"a commit of two ranges, 120 bytes", 1, 500},
    {"a commit of what differs in two parts, 4 words of 22", 1, 550},
    {"a checkpoint of 1 KiB with a log of 292 commits of 32 bytes", 1, 0},
    {"a commit of 32 bytes, its share of the checkpoints included", LOG_COMMITS, 150},
};

static void run_to_mark(pid_t pid)
{
    int status;
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
}

// Steps until the next mark, which is itself the last step.
static unsigned long steps_to_mark(pid_t pid)
{
    unsigned long steps = 0;
    for (;;) {
        int status;
        siginfo_t info;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        assert_int_equal(ptrace(PTRACE_GETSIGINFO, pid, NULL, &info), 0);
        if (info.si_code == SI_KERNEL) { // int3, not a step
            return steps;
        }
        steps++;
    }
}

static void test_cost(void **unused)
{
    (void)unused;
    char path[] = "/tmp/bulkhead-cost-XXXXXX";
    char command[512];

    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    snprintf(command, sizeof(command),
             "cc -std=gnu11 -O2 -fno-omit-frame-pointer -I. -DCOST_SUBJECT -o %s %s", path, __FILE__);
    assert_int_equal(system(command), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    unlink(path);
    assert_true(WIFSTOPPED(status));
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        run_to_mark(pid);
        unsigned long steps = steps_to_mark(pid) / costs[i].times;
        print_message("%s: %lu instructions\n", costs[i].name, steps);
        assert_true(costs[i].limit == 0 || steps <= costs[i].limit);
    }
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
