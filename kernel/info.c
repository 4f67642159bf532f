// INFO: what the kernel tells about itself and its objects.
// SPDX-License-Identifier: MIT
#include "libipc/abi/info.h"

#include "kernel/endpoint.h"
#include "kernel/fpu.h"
#include "kernel/kmem.h"
#include "kernel/lib/string.h"
#include "kernel/platform/platform.h"
#include "kernel/root.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static enum status info_system(void *to)
{
    struct info_system *i = to;
    *i = root_info;
    i->tsc_khz = tsc_khz;
    i->cpus = cpu_count;
    i->virtualization = virt ? virt->kind : VIRTUALIZATION_NONE;
    i->vcpu_features = virt ? virt->features : 0;
    i->pool_pages = kmem_total_pages;
    i->pool_free = kmem_free_pages;
    i->xsave_features = fpu_mask;
    i->xsave_bytes = (uint32_t)fpu_bytes();
    return STATUS_OK;
}

static enum thread_state state_of(const struct thread *t)
{
    switch (t->exec.state) {
    case EXEC_READY: return THREAD_READY;
    case EXEC_WAITS: return THREAD_WAITS;
    case EXEC_CALLS:
        return t->exec.call.kind == CALL_PAGE_FAULT ? THREAD_PAGING
               : t->exec.call.kind == CALL_FAULT    ? THREAD_FAULTED
                                                    : THREAD_CALLS;
    default: return THREAD_STOPPED;
    }
}

// As many as it has reply objects, and page faults.
static void info_received(const struct thread *t, struct info_thread *i)
{
    for (const struct node *n = t->received.next; n != &t->received; n = n->next) {
        const struct call *c = CONTAINER(n, struct call, node);
        i->unanswered++;
        i->handled_badge = c->badge;
        i->handled_sequence = c->sequence;
        i->handled_deliveries = c->deliveries;
    }
}

static void info_thread(const struct object *o, void *to)
{
    const struct thread *t = (const struct thread *)o;
    const struct call *c = &t->exec.call;
    uint64_t cpu_time = exec_cpu_time(&t->exec);
    *(struct info_thread *)to = (struct info_thread){
        .state = state_of(t),
        .waits = t->waits,
        .cpu_time = cpu_time,
        .cpu_time_since_wait = cpu_time - t->cpu_time_at_wait,
        .syscalls = t->countdown_from - t->countdown,
        .blocked_on = c->state == CALL_NONE ? 0 : c->endpoint.number,
        .blocked_badge = c->badge,
        .messages = t->messages,
    };
    info_received(t, to);
}

static void info_endpoint(const struct object *o, void *to)
{
    const struct endpoint *e = (const struct endpoint *)o;
    *(struct info_endpoint *)to =
        (struct info_endpoint){.number = o->number, .queued = list_length(&e->callers)};
}

static enum status info_route(const struct vm *vm, uint64_t list, uint64_t place, void *to)
{
    if (list >= INFO_ROUTE_LISTS || place >= ROUTES_MAX)
        return STATUS_BAD_ARG;
    const struct route *r = &vm->routes[list / ROUTE_DIRECTIONS][list % ROUTE_DIRECTIONS].route[place];
    const struct object *target = ref_get(r->target.ref);
    *(struct info_route *)to = (struct info_route){r->first, r->last, target ? target->number : 0, r->count};
    return STATUS_OK;
}

static void info_vcpu(const struct object *o, void *to)
{
    const struct vcpu *v = (const struct vcpu *)o;
    struct info_vcpu *i = to;
    *i = (struct info_vcpu){.pending = v->action,
                            .running = v->exec.state == EXEC_READY,
                            .cpu_time = exec_cpu_time(&v->exec),
                            .exits = v->exits,
                            .accesses = v->accesses,
                            .doorbells = v->doorbells,
                            .page_faults = v->page_faults,
                            .interrupts = v->interrupts};
    memcpy(i->exits_by_kind, v->exits_by_kind, sizeof v->exits_by_kind);
}

static void info_process(const struct object *o, void *to)
{
    const struct process *p = (const struct process *)o;
    *(struct info_process *)to = (struct info_process){.quota = p->quota,
                                                       .used = p->used,
                                                       .threads = list_length(&p->object.members),
                                                       .slots = p->slot_count};
}

static void info_memory(const struct object *o, void *to)
{
    const struct memory *m = (const struct memory *)o;
    *(struct info_memory *)to = (struct info_memory){.pages = m->pages,
                                                     .filled = m->filled,
                                                     .large = m->large,
                                                     .borrowed = m->borrowed,
                                                     .mappings = list_length(&m->mappings),
                                                     .waiting = list_length(&m->waiters)};
}

static void info_account(const struct object *o, void *to)
{
    const struct account *a = (const struct account *)o;
    *(struct info_account *)to =
        (struct info_account){.weight = a->weight, .budget = a->budget, .period = a->period, .used = a->used};
}

// As many steps as the process has threads.
static const struct object *thread_of(const struct process *p, uint64_t index)
{
    for (const struct node *n = p->object.members.next; n != &p->object.members; n = n->next)
        if (!index--)
            return CONTAINER(n, struct object, member);
    return NULL;
}

uint32_t sys_info(struct request *r)
{
    static void (*const info[OBJECT_TYPES])(const struct object *, void *) = {
        [OBJECT_THREAD] = info_thread, [OBJECT_VCPU] = info_vcpu,       [OBJECT_PROCESS] = info_process,
        [OBJECT_MEMORY] = info_memory, [OBJECT_ACCOUNT] = info_account, [OBJECT_ENDPOINT] = info_endpoint,
    };
    static const uint32_t needs[INFO_KINDS] = {
        [INFO_OBJECT] = NEED(NONE, RIGHT_READ),
        [INFO_THREAD] = NEED(PROCESS, RIGHT_READ),
        [INFO_ROUTE] = NEED(VM, RIGHT_READ),
    };
    void *to = current_thread()->utcb->words;
    if (r->a[1] >= INFO_KINDS)
        return STATUS_BAD_ARG;
    enum status s = look_up(r, (uint32_t[ARGUMENTS]){needs[r->a[1]]});
    if (s != STATUS_OK)
        return s;
    if (r->a[1] == INFO_SYSTEM)
        return info_system(to);
    if (r->a[1] == INFO_ROUTE)
        return info_route(r->object[0], r->a[2], r->a[3], to);
    const struct object *o = r->a[1] == INFO_THREAD ? thread_of(r->object[0], r->a[2]) : r->object[0];
    if (!o)
        return STATUS_BAD_ARG;
    if (info[o->type])
        info[o->type](o, to);
    else
        *(struct info_other *)to = (struct info_other){.number = o->number};
    return STATUS_OK;
}

_Static_assert(sizeof(struct info_system) <= sizeof(((struct utcb *)0)->words), "INFO fits");
_Static_assert(sizeof(struct info_vcpu) <= sizeof(((struct utcb *)0)->words), "INFO fits");
_Static_assert(EXIT_KINDS <= 32, "info_vcpu.exits_by_kind");
_Static_assert(sizeof(((struct vm *)0)->routes) == INFO_ROUTE_LISTS * sizeof(struct route_list), "all lists");
