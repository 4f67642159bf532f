// The end of a VM: all that it had goes.
// SPDX-License-Identifier: MIT
//
// First its servers and its machine, so that nobody touches its memory any more; then its pager takes that
// back; then the rest. What the supervisor filled goes back into its stock, and so does what a pager that has
// failed for good cannot take back; with the quota all kernel memory is free that the quota paid for.
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

static bool is_of(uint32_t n, uint32_t v)
{
    return server_exists(n) && init.m.server[n].vm == v;
}

static void destroy_objects(uint32_t v, enum manifest_type first, enum manifest_type last)
{
    for (uint32_t i = 0; i < init.m.object_count; i++) {
        uint8_t type = init.m.object[i].type;
        if (type >= first && type <= last && manifest_belongs(&init.m, i, (uint16_t)v))
            (void)!sys_destroy(object_slot((uint16_t)i)); // what is gone already is gone
    }
}

static void dismantle(uint32_t v)
{
    names_end(v);
    for (uint32_t n = 0; n < init.m.server_count; n++) {
        if (!is_of(n, v))
            continue;
        if (init.server[n].state == SERVER_RUNS)
            server_stop(n);
        init.server[n].state = SERVER_OFF;
    }
    destroy_objects(v, MANIFEST_VM, MANIFEST_VCPU);
}

static void forget_server(uint32_t n)
{
    uint32_t data = server_slot(n, SERVER_DATA);
    stock_give(data);
    (void)!sys_destroy(data);
    (void)!sys_revoke(ROOT_SLOT_PROCESS, server_slot(n, SERVER_ENDPOINT));
    for (uint32_t i = 0; i < init.m.injection_count; i++)
        if (init.m.injection[i].server == n)
            init.schedule[i].left = 0;
    if (init.server[n].program)
        init.image[init.server[n].image].instances--;
    init.server[n] = (struct server_run){0};
}

static void forget(uint32_t v)
{
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (is_of(n, v))
            forget_server(n);
    for (uint32_t i = 0; i < init.m.object_count; i++)
        if (init.m.object[i].type == MANIFEST_MEMORY && manifest_belongs(&init.m, i, (uint16_t)v))
            stock_give(object_slot((uint16_t)i));
    destroy_objects(v, MANIFEST_ACCOUNT, MANIFEST_IOPORTS);
    destroy_objects(v, MANIFEST_QUOTA, MANIFEST_QUOTA);
    manifest_remove_vm(&init.m, (uint16_t)v);
    free(init.vm[v].text);
    init.vm[v] = (struct vm_run){0};
}

void vm_undo(uint32_t v)
{
    dismantle(v);
    forget(v);
}

void vm_leave(uint32_t v)
{
    char copy[INIT_NAME];
    struct json_text name = init.m.vm[v].name;
    if (init.vm[v].state != INIT_VM_LEAVING || (!rams_are_empty(v) && !vm_lacks(v)))
        return;
    memcpy(copy, name.at, name.length); // it goes with the rest
    name.at = copy;
    forget(v);
    log_info("VM %.*s is destroyed", (int)name.length, name.at);
    event_send(EVENT_VM_DESTROYED, name, 0, "");
}

void vm_destroy(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)c;
    if (!vm_is_in(v, VM_IN(INIT_VM_CREATED) | VM_IN(INIT_VM_OFF) | VM_IN(INIT_VM_FAILED), a))
        return;
    dismantle(v);
    init.vm[v].state = INIT_VM_LEAVING;
    if (!rams_empty(v) || vm_lacks(v))
        vm_leave(v);
}
