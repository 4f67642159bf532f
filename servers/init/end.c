// The machine's end.
// SPDX-License-Identifier: MIT
//
// What was logged or printed and has not left the machine yet lies in rings between servers; the manifest
// names those to wait for. The supervisor serves nobody meanwhile, so the wait has an end.
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

// How much is left in all rings.
static uint64_t undelivered(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < init.m.drain_count; i++) {
        const struct manifest_object *o = &init.m.object[init.m.drain[i]];
        const void *ring = scratch_open(object_slot(init.m.drain[i]), o->memory.pages);
        sum += ring_last_produced(ring) - ring_last_consumed(ring);
        scratch_close();
    }
    return sum;
}

// As long as it becomes less from time to time.
static void drain(void)
{
    uint64_t last = UINT64_MAX, give_up = deadline_in(PATIENCE_NS);
    for (uint64_t rest; (rest = undelivered()) && now() < give_up; thread_sleep(deadline_in(POLL_NS))) {
        if (rest != last)
            give_up = deadline_in(PATIENCE_NS);
        last = rest;
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
    for (;;)
        (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, status);
}

_Noreturn void fatal(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;
    int n = snprintf(line, sizeof line, "[%s] error: ", program_name);
    va_start(arguments, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, arguments); // room for the newline
    va_end(arguments);
    n = n < (int)sizeof line - 1 ? n : (int)sizeof line - 2;
    line[n] = '\n';
    settle();
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_SEIZE_CONSOLE, 0); // servers may be unable to print it
    log_raw(line, (size_t)n + 1);
    end_machine(STATUS_FATAL);
}
