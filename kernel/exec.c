// What threads and vCPUs have in common.
// SPDX-License-Identifier: MIT
#include "kernel/exec.h"

#include "kernel/endpoint.h"
#include "kernel/fpu.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"

enum status exec_init(struct exec *e, uint64_t word)
{
    const struct exec *maker = this_cpu()->current;
    list_init(&e->ready);
    list_init(&e->call.node);
    list_init(&e->fault);
    e->account = maker ? maker->account : root_account;
    list_append(&e->account->execs, &e->charged);
    if (CREATE_PRIORITY(word) > PRIORITY_MAX)
        return STATUS_BAD_ARG;
    if (CREATE_CPU(word) != 0)
        return STATUS_UNSUPPORTED;
    e->priority = e->effective = (uint8_t)CREATE_PRIORITY(word);
    e->fpu = fpu_alloc(e->object.payer);
    return e->fpu ? STATUS_OK : STATUS_NO_QUOTA;
}

void exec_release(struct exec *e)
{
    call_cancel(&e->call);
    list_remove(&e->fault);
    timer_cancel(&e->timer);
    sched_remove(e);
    list_remove(&e->ready);
    list_remove(&e->charged);
    fpu_free(e);
}

void exec_stop(struct exec *e)
{
    sched_remove(e);
    e->suspended = true;
    e->state = EXEC_STOPPED;
}

// A spent budget parks its execs with the account: those that move leave it.
void exec_set_account(struct exec *e, struct account *a)
{
    bool queued = e->state == EXEC_READY && this_cpu()->current != e;
    if (queued)
        sched_remove(e);
    list_remove(&e->charged);
    e->account = a;
    list_append(&a->execs, &e->charged);
    if (queued)
        sched_ready(e, false);
}

enum status exec_ctl_account(const struct request *r)
{
    exec_set_account(r->object[0], r->object[2]);
    return STATUS_OK;
}
