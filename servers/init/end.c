// The machine's end.
// SPDX-License-Identifier: MIT
//
// What was logged or printed and has not left the machine yet lies in rings between servers; the manifest
// names those to wait for. The supervisor serves nobody meanwhile, so the wait has an end.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "libipc/log.h"
#include "libipc/ring.h"
#include "libipc/start.h"
#include "libipc/syscall.h"
#include "libipc/thread.h"
#include "libipc/time.h"
#include "servers/init/init.h"

enum { POLL_NS = 1000000, PATIENCE_NS = 500000000, STATUS_FATAL = 1 };

static uint64_t undelivered(uint32_t i)
{
    const struct manifest_object *o = &init.m.object[init.m.drain[i]];
    const void *ring = scratch_open(object_slot(init.m.drain[i]), o->memory.pages);
    uint64_t produced = ring_last_produced(ring), consumed = ring_last_consumed(ring);
    scratch_close();
    return produced > consumed ? produced - consumed : 0; // of a stream that is not shown all is consumed
}

static uint64_t undelivered_in_all(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < init.m.drain_count; i++)
        sum += undelivered(i);
    return sum;
}

// To the kernel's debug output, whoever had it: servers may be unable to print.
__attribute__((format(printf, 1, 2))) static void last_words(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;
    int n = snprintf(line, sizeof line, "[%s] ", program_name), room = (int)sizeof line - n - 1;
    va_start(arguments, format);
    int length = vsnprintf(line + n, (size_t)room, format, arguments);
    va_end(arguments);
    n += length < room ? length : room - 1;
    line[n] = '\n';
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_SEIZE_CONSOLE, 0);
    log_raw(line, (size_t)n + 1);
}

// As long as it becomes less from time to time.
static void drain(void)
{
    uint64_t last = UINT64_MAX, give_up = deadline_in(PATIENCE_NS);
    for (uint64_t rest; (rest = undelivered_in_all()) && now() < give_up;
         thread_sleep(deadline_in(POLL_NS))) {
        if (rest != last)
            give_up = deadline_in(PATIENCE_NS);
        last = rest;
    }
    for (uint32_t i = 0; i < init.m.drain_count; i++) {
        const struct json_text name = init.m.object[init.m.drain[i]].name;
        uint64_t rest = undelivered(i);
        if (rest)
            last_words("warning: %llu bytes of %.*s were not delivered", (unsigned long long)rest,
                       (int)name.length, name.at);
    }
}

// Once: what goes wrong meanwhile is not waited for.
static void settle(void)
{
    bool waits = init.talking;
    init.talking = false;
    if (waits)
        drain();
}

_Noreturn void end_machine(uint8_t status)
{
    settle();
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, status);
    power_off();
    last_words("error: this machine cannot be switched off by software");
    for (;;)
        thread_sleep(DEADLINE_NONE);
}

// What is tried on behalf of a command does not end the machine when it fails.
static struct {
    jmp_buf out;
    char *text; // NULL: nothing is tried
    size_t size;
} trial;

bool attempt(void (*what)(uint32_t), uint32_t argument, char *text, size_t size)
{
    trial.text = text;
    trial.size = size;
    bool good = !setjmp(trial.out);
    if (good)
        what(argument);
    trial.text = NULL;
    return good;
}

_Noreturn void fatal(const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (trial.text) {
        snprintf(trial.text, trial.size, "%s", text);
        scratch_drop();
        longjmp(trial.out, 1);
    }
    settle();
    last_words("error: %s", text);
    end_machine(STATUS_FATAL);
}
