// The kernel's test process: runs as root task, prints TAP, ends the machine.
// SPDX-License-Identifier: MIT
//
// It exercises every system call with right and wrong arguments; each topic is a file, each part of it leaves
// no trace.
#include "libipc/start.h"
#include "tests/programs/kernel/topics.h"

const char program_name[] = "kernel-test";
const struct self_slots self_slots = {SELF, SELF_THREAD};

static const struct topic topics[] = {
    {"calls", call_parts},
    {"capabilities", capability_parts},
    {"ipc", ipc_parts},
    {"death", death_parts},
    {"notifications", notification_parts},
    {"memory", memory_parts},
    {"pages", page_parts},
    {"pagers", pager_parts},
    {"processes", process_parts},
    {"quotas", quota_parts},
    {"threads", thread_parts},
    {"faults", fault_parts},
    {"schedule", schedule_parts},
    {"time", time_parts},
    {"devices", device_parts},
    {"vCPUs", vcpu_parts},
    {"exits", exit_parts},
    {"interrupts", interrupt_parts},
    {"modes", mode_parts},
    {"garbage", garbage_parts},
    {"routes", route_parts},
    {"fuzz", fuzz_parts},
};

// Where the clock goes on while the emulated CPU stands still, shares of time say nothing, and no two runs
// are the same: the boot archive tells.
static bool time_is_exact(void)
{
    size_t size;
    bool exact = !archive_file("real-time", &size);
    slate_wipe();
    return exact;
}

static void run_topic(const struct topic *t)
{
    if ((t->parts == time_parts || t->parts == garbage_parts) && !time_is_exact())
        return;
    for (const struct part *p = t->parts; p->run; p++) {
        uint64_t used = kernel_memory_used();
        tap_note("%s: %s", t->name, p->name);
        p->run();
        slate_wipe();
        uint64_t after = kernel_memory_used();
        CHECK(after == used && slate_clean(), "%s, %s: all memory comes back (%lld bytes off)", t->name,
              p->name, (long long)(after - used));
    }
}

int main(void)
{
    slate_init();
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        run_topic(&topics[i]);
    unsigned failures = tap_end();
    (void)!sys_machine(ROOT_SLOT_SYSTEM, MACHINE_POWEROFF, failures ? 1 : 0);
    return 1;
}
