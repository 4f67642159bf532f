// What becomes of VMs by command.
// SPDX-License-Identifier: MIT
//
// Nothing here waits for anybody: vCPUs are taken out of the hands of their monitors by the kernel, and a
// monitor hears of a button by a count and a signal.
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/panel.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "libipc/time.h"
#include "servers/init/init.h"

static const char *const state_names[] = {
    [INIT_VM_CREATED] = "created", [INIT_VM_RUNNING] = "running", [INIT_VM_PAUSED] = "paused",
    [INIT_VM_OFF] = "off",         [INIT_VM_FAILED] = "failed",   [INIT_VM_LEAVING] = "being destroyed"};

bool vm_is_in(uint32_t v, uint32_t states, struct init_answer *a)
{
    enum init_vm_state state = init.vm[v].state;
    struct json_text name = init.m.vm[v].name;
    return states & VM_IN(state) ||
           refuse(a, INIT_WRONG_STATE, "VM %.*s is %s", (int)name.length, name.at, state_names[state]);
}

static void tell(uint32_t v, enum init_event_kind kind)
{
    event_send(kind, init.m.vm[v].name, 0, "");
}

static void all_vcpus(uint32_t v, enum vcpu_op op)
{
    for (uint32_t i = 0; i < init.m.object_count; i++)
        if (init.m.object[i].type == MANIFEST_VCPU && init.m.object[i].payer == init.m.vm[v].quota)
            (void)!sys_vcpu_ctl(object_slot((uint16_t)i), op, 0);
}

// ---- buttons ----

static bool has_buttons(uint32_t v, struct init_answer *a)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    return vm->panel != MANIFEST_NONE ||
           refuse(a, INIT_FAILED, "VM %.*s has no buttons", (int)vm->name.length, vm->name.at);
}

static void press(uint32_t v, bool reset)
{
    const struct manifest_vm *vm = &init.m.vm[v];
    uint32_t signal;
    struct vm_panel *panel = scratch_open(object_slot(vm->panel), 1);
    __atomic_add_fetch(reset ? &panel->resets : &panel->powers, 1, __ATOMIC_RELEASE);
    scratch_close();
    if (with_badge(object_slot(vm->signal), vm->badge, &signal) == STATUS_OK)
        (void)!sys_signal(signal);
}

void vm_reset(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)c;
    if (!vm_is_in(v, VM_IN(INIT_VM_RUNNING), a) || !has_buttons(v, a))
        return;
    press(v, true);
    tell(v, EVENT_VM_RESET);
}

// ---- off ----

static void stop_by_force(uint32_t v)
{
    all_vcpus(v, VCPU_CANCEL);
    vm_end(v, VM_END_FORCED, 0);
}

void vm_stop(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    uint32_t paused = c->argument ? VM_IN(INIT_VM_PAUSED) : 0;
    if (!vm_is_in(v, VM_IN(INIT_VM_RUNNING) | paused, a))
        return;
    if (c->argument)
        stop_by_force(v);
    else if (has_buttons(v, a))
        press(v, false);
}

// ---- pause ----

void vm_pause(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)c;
    if (!vm_is_in(v, VM_IN(INIT_VM_RUNNING), a))
        return;
    all_vcpus(v, VCPU_CANCEL);
    init.vm[v].state = INIT_VM_PAUSED;
    tell(v, EVENT_VM_PAUSED);
}

static void resume(uint32_t v)
{
    all_vcpus(v, VCPU_RESUME);
    init.vm[v].state = INIT_VM_RUNNING;
    tell(v, EVENT_VM_RESUMED);
}

void vm_resume(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    (void)c;
    if (vm_is_in(v, VM_IN(INIT_VM_PAUSED), a))
        resume(v);
}

// ---- on ----

static void stop_servers(uint32_t v)
{
    for (uint32_t n = 0; n < init.m.server_count; n++)
        if (server_exists(n) && init.m.server[n].vm == v)
            server_renew(n);
}

// Its own servers begin anew, whatever became of them.
const struct manifest_server *vm_lacks(uint32_t v)
{
    for (uint32_t n = 0; n < init.m.server_count; n++) {
        const struct manifest_server *s = &init.m.server[n];
        if (server_exists(n) && s->vm != v && server_is_needed(n, v) &&
            (init.server[n].state == SERVER_FAILED || init.server[n].program == &s->failed))
            return s;
    }
    return NULL;
}

// A machine that ran gets new vCPUs: the next thing that they send is their START exit.
static void start(uint32_t v)
{
    stop_servers(v);
    if (init.vm[v].state != INIT_VM_CREATED)
        machine_renew(init.m.vm[v].quota);
    for (uint32_t n = 0; n < init.m.server_count; n++) {
        const struct manifest_server *s = &init.m.server[n];
        if (!server_exists(n) || s->vm != v)
            continue;
        enum status status = server_begin(n);
        if (status != STATUS_OK)
            fatal("%.*s cannot be started: %s", (int)s->name.length, s->name.at, status_name(status));
    }
}

void vm_start(uint32_t v, const struct init_command *c, struct init_answer *a)
{
    if (!vm_is_in(v, VM_IN(INIT_VM_CREATED) | VM_IN(INIT_VM_OFF) | VM_IN(INIT_VM_FAILED), a))
        return;
    if (init.shutting_down) {
        refuse(a, INIT_WRONG_STATE, "the machine is shutting down");
        return;
    }
    const struct manifest_server *lacks = vm_lacks(v);
    if (lacks) {
        refuse(a, INIT_FAILED, "VM %s needs %.*s, which has failed for good", c->name,
               (int)lacks->name.length, lacks->name.at);
        return;
    }
    log_debug("VM %.*s is switched on at %llu", (int)init.m.vm[v].name.length, init.m.vm[v].name.at,
              (unsigned long long)now());
    if (!attempt(start, v, a->text, sizeof a->text)) {
        a->outcome = INIT_NO_MEMORY;
        stop_servers(v);
        init.vm[v].state = INIT_VM_FAILED;
        return;
    }
    init.vm[v] = (struct vm_run){.state = INIT_VM_RUNNING};
    tell(v, EVENT_VM_STARTED);
    overhead_log(v);
}

// ---- the machine ----

void vms_shut_down(bool force, struct init_answer *a)
{
    for (uint32_t v = 0; v < init.m.vm_count; v++)
        if (vm_lives(v) && !force && !has_buttons(v, a))
            return;
    init.shutting_down = true;
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        if (!vm_lives(v))
            continue;
        if (force) {
            stop_by_force(v);
            continue;
        }
        if (init.vm[v].state == INIT_VM_PAUSED)
            resume(v);
        press(v, false);
    }
    vms_look();
}
