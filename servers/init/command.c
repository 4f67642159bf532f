// What control tells the supervisor to do.
// SPDX-License-Identifier: MIT
//
// Each command is carried out at once, or refused with a text and without effect, but that a VM that cannot
// be started has failed. Control may die before it hears the answer and say the same again: the last answer
// is kept with its number.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/words.h"
#include "servers/init/init.h"

static struct {
    uint64_t sequence;
    struct init_answer answer;
} last;

bool refuse(struct init_answer *a, enum init_outcome outcome, const char *format, ...)
{
    va_list arguments;
    a->outcome = outcome;
    va_start(arguments, format);
    vsnprintf(a->text, sizeof a->text, format, arguments);
    va_end(arguments);
    return false;
}

static void kill_server(const struct init_command *c, struct init_answer *a)
{
    for (uint32_t n = 0; n < init.m.server_count; n++) {
        if (!server_exists(n) || !json_is(init.m.server[n].name, c->name))
            continue;
        if (init.server[n].state == SERVER_RUNS)
            server_kill(n, "killed by command");
        else
            refuse(a, INIT_WRONG_STATE, "server %s does not run", c->name);
        return;
    }
    refuse(a, INIT_NOT_FOUND, "there is no server %s", c->name);
}

static void shut_down(const struct init_command *c, struct init_answer *a)
{
    vms_shut_down(c->argument, a);
}

static void on_vm(const struct init_command *c, struct init_answer *a)
{
    static void (*const act[INIT_ACTIONS])(uint32_t, const struct init_command *, struct init_answer *) = {
        [INIT_VM_START] = vm_start,   [INIT_VM_STOP] = vm_stop,   [INIT_VM_PAUSE] = vm_pause,
        [INIT_VM_RESUME] = vm_resume, [INIT_VM_RESET] = vm_reset, [INIT_VM_DESTROY] = vm_destroy,
    };
    for (uint32_t v = 0; v < init.m.vm_count; v++) {
        if (!vm_exists(v) || !json_is(init.m.vm[v].name, c->name))
            continue;
        act[c->action](v, c, a);
        return;
    }
    refuse(a, INIT_NOT_FOUND, "there is no VM %s", c->name);
}

static void carry_out(const struct init_command *c, struct init_answer *a)
{
    static void (*const act[INIT_ACTIONS])(const struct init_command *, struct init_answer *) = {
        [INIT_KILL] = kill_server, [INIT_VM_CREATE] = vm_create, [INIT_VM_START] = on_vm,
        [INIT_VM_STOP] = on_vm,    [INIT_VM_PAUSE] = on_vm,      [INIT_VM_RESUME] = on_vm,
        [INIT_VM_RESET] = on_vm,   [INIT_VM_DESTROY] = on_vm,    [INIT_SHUTDOWN] = shut_down,
    };
    if (c->action >= INIT_ACTIONS || c->name[INIT_NAME - 1])
        refuse(a, INIT_BAD_ARGUMENTS, "this is no command");
    else
        act[c->action](c, a);
}

void command(struct message *m)
{
    struct init_command c;
    if (TAG_WORDS(m->tag) != WORDS(sizeof c)) {
        *m = MESSAGE(STATUS_BAD_ARG, 0);
        return;
    }
    message_get(m, 0, &c, sizeof c);
    if (c.sequence != last.sequence) {
        memset(&last, 0, sizeof last);
        carry_out(&c, &last.answer);
        last.sequence = c.sequence;
    }
    answer_put(m, 0, &last.answer, sizeof last.answer);
}
