// bulkhead vm start, stop, ...: the life of the VMs.
// SPDX-License-Identifier: MIT
//
// Control answers when something has begun. What takes a guest's help or some time is waited for here, so
// that a script that goes on finds it done.
#include <string.h>

#include "tools/control/client.h"
#include "tools/patience.h"

// The state of a VM, as control tells it; "": there is none of that name. NULL: *o says why not.
static const char *state_of(struct control *c, struct arena *a, const char *name, enum outcome *o)
{
    size_t i;
    json_t *vm, *list = control_execute(c, "query-vms", NULL, o);
    const char *state = list ? "" : NULL;
    json_array_foreach(list, i, vm)
    {
        const char *n = json_string_value(json_object_get(vm, "name"));
        const char *s = json_string_value(json_object_get(vm, "state"));
        if (n && s && strcmp(n, name) == 0)
            state = arena_text(a, s, strlen(s));
    }
    json_decref(list);
    return state;
}

// Waits until the VM's state is none of two.
static enum outcome wait_while(struct control *c, struct arena *a, const char *name,
                               const char *const states[2], const char *why)
{
    uint64_t deadline = patience_from_now(c->patience_ms);
    for (;;) {
        enum outcome o;
        const char *state = state_of(c, a, name, &o);
        if (!state || (strcmp(state, states[0]) != 0 && strcmp(state, states[1]) != 0))
            return o;
        if (!patience_left(deadline)) {
            report_error(&c->report, 0, "%s is %s still: %s", name, state, why);
            return NO_ANSWER;
        }
        patience_sleep();
    }
}

typedef enum outcome (*wait_fn)(struct control *, struct arena *, const char *);

// One command, VM after VM. The first that fails ends it.
static enum outcome each(struct invocation *v, const char *command, wait_fn wait)
{
    struct control c;
    enum outcome o = control_open(&c, v);
    if (o != DONE)
        return o;
    for (int i = 0; i < v->count && o == DONE; i++) {
        json_t *arguments = json_pack("{s:s}", "name", v->words[i]);
        if (given(v, OPTION_FORCE))
            json_object_set_new(arguments, "force", json_true());
        json_decref(control_execute(&c, command, arguments, &o));
        if (o == DONE && wait)
            o = wait(&c, &v->arena, v->words[i]);
    }
    control_close(&c);
    return o;
}

static enum outcome until_off(struct control *c, struct arena *a, const char *name)
{
    return wait_while(c, a, name, (const char *const[]){"running", "paused"},
                      "its guest has not heeded the power button; --force stops it at once");
}

static enum outcome until_gone(struct control *c, struct arena *a, const char *name)
{
    return wait_while(c, a, name, (const char *const[]){"leaving", "leaving"}, "it is being destroyed");
}

enum outcome command_vm_start(struct invocation *v)
{
    return each(v, "vm-start", NULL);
}

enum outcome command_vm_stop(struct invocation *v)
{
    return each(v, "vm-stop", until_off);
}

enum outcome command_vm_pause(struct invocation *v)
{
    return each(v, "vm-pause", NULL);
}

enum outcome command_vm_resume(struct invocation *v)
{
    return each(v, "vm-resume", NULL);
}

enum outcome command_vm_reset(struct invocation *v)
{
    return each(v, "vm-reset", NULL);
}

enum outcome command_vm_destroy(struct invocation *v)
{
    return each(v, "vm-destroy", until_gone);
}
