// bulkhead shutdown: all VMs, and then the machine.
// SPDX-License-Identifier: MIT
#include <signal.h>

#include "tools/control/client.h"
#include "tools/machines.h"
#include "tools/patience.h"

static enum outcome until_ended(struct control *c)
{
    uint64_t deadline = patience_from_now(c->patience_ms);
    while (machine_alive(c->path)) {
        if (!patience_left(deadline)) {
            report_error(&c->report, 0,
                         "runs still: a guest has not heeded the power button; --force ends it at once");
            return NO_ANSWER;
        }
        patience_sleep();
    }
    return DONE;
}

// Its control does not answer: the emulator is stopped, like a power cut.
static enum outcome cut(struct control *c)
{
    json_t *about = machine_about(c->path);
    pid_t pid = (pid_t)json_integer_value(json_object_get(about, "pid"));
    json_decref(about);
    if (!machine_alive(c->path))
        return DONE;
    if (pid <= 0 || kill(pid, SIGTERM) != 0)
        return NO_ANSWER;
    report_warning(&c->report, 0, "the emulator was stopped");
    return until_ended(c);
}

enum outcome command_shutdown(struct invocation *v)
{
    struct control c = {0};
    bool force = given(v, OPTION_FORCE);
    enum outcome o = control_open(&c, v);
    if (o == NO_ANSWER && force)
        return cut(&c);
    if (o != DONE)
        return o;
    json_decref(control_execute(&c, "shutdown", force ? json_pack("{s:b}", "force", 1) : NULL, &o));
    // The others may look meanwhile; the machine may be gone before it has answered.
    control_close(&c);
    if (o == NO_ANSWER && force)
        return cut(&c);
    return o == DONE ? until_ended(&c) : o;
}
