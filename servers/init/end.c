// The machine's end.
// SPDX-License-Identifier: MIT
//
// What was logged or printed and has not left the machine yet lies in rings between servers; the manifest
// names those to wait for. The supervisor serves nobody meanwhile, so the wait has an end.
#include <stdarg.h>
#include <stdio.h>

#include "libipc/log.h"
#include "libipc/ring.h"
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

_Noreturn void end_machine(uint8_t status)
{
    bool waits = init.talking;
    init.talking = false; // what goes wrong from here on is not to be waited for
    if (waits)
        drain();
    for (;;)
        (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, status);
}

_Noreturn void fatal(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log_error("%s", line);
    end_machine(STATUS_FATAL);
}
