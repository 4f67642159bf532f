// VMs, from their start to their end.
// SPDX-License-Identifier: MIT
#include "libipc/log.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

enum { STATUS_DEAD = 1, PAGE = 4096 };

static struct json_text name_of(uint32_t v)
{
    return init.m.vm[v].name;
}

// Nothing is overcommitted: what the VMs may fill must be there.
void vms_check(void)
{
    uint64_t left = stock_pages();
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        uint64_t pages = 0;
        for (uint32_t i = 0; i < init.m.vm[v].memory_count; i++)
            pages += init.m.object[init.m.vm[v].memory[i]].memory.pages;
        if (pages > left)
            fatal("VM %.*s is larger than memory: it has %llu MiB, %llu MiB are free", (int)name_of(v).length,
                  name_of(v).at, (unsigned long long)pages * PAGE >> 20,
                  (unsigned long long)left * PAGE >> 20);
        left -= pages;
    }
}

void vms_start(void)
{
    uint64_t start = now();
    for (uint32_t i = 0; i < init.m.injection_count; i++)
        if (init.m.injection[i].every_us)
            schedule_start(&init.schedule[i], start, ticks_from_ns(init.m.injection[i].every_us * NS_PER_US),
                           init.m.injection[i].count);
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        if (!init.m.vm[v].autostart)
            continue;
        init.vm[v].state = INIT_VM_RUNNING;
        event_send(EVENT_VM_STARTED, name_of(v), 0, "");
        overhead_log(v);
    }
}

// The machine's status: the guests' own one if they say one, and never 0 when one died.
static uint8_t status_of_all(void)
{
    uint32_t status = 0;
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        const struct vm_run *vm = &init.vm[v];
        bool well = vm->state != INIT_VM_FAILED;
        uint32_t own = well || vm->status ? vm->status : STATUS_DEAD;
        status = own > status ? own : status;
    }
    return (uint8_t)status;
}

static bool any_lives(void)
{
    for (uint32_t v = 0; v < init.m.vm_count; v++)
        if (vm_lives(v))
            return true;
    return false;
}

void vms_look(void)
{
    if (!any_lives() && (init.shutting_down || !init.m.keep))
        init.ending = true;
}

void vm_end(uint32_t v, enum vm_end end, uint8_t status)
{
    static const char *const ends[VM_ENDS] = {[VM_END_FORCED] = "is stopped",
                                              [VM_END_POWER_OFF] = "is powered off",
                                              [VM_END_TRIPLE_FAULT] = "died of a triple fault",
                                              [VM_END_ERROR] = "cannot go on"};
    struct vm_run *run = &init.vm[v];
    if (!vm_lives(v))
        return;
    run->end = end;
    run->status = status;
    run->state = run->end <= VM_END_POWER_OFF ? INIT_VM_OFF : INIT_VM_FAILED;
    log_info("VM %.*s %s", (int)name_of(v).length, name_of(v).at, ends[run->end]);
    event_send(EVENT_VM_STOPPED, name_of(v), run->end, "");
    overhead_log(v);
    memory_log(v);
    exits_log(v);
    vms_look();
}

void vms_end(void)
{
    event_send(EVENT_SHUTDOWN, init.m.name, 0, "");
    faults_end();
    end_machine(status_of_all());
}
