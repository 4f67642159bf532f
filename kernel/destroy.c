// DESTROY: capabilities die at once, the object is taken apart in steps.
// SPDX-License-Identifier: MIT
//
// The thread that destroys does the work, a bounded step at a time, on its way out of the kernel
// (HAZARD_DEMOLISH); between two steps interrupts are let in and somebody more urgent may run. A process
// takes along what it paid for. Memory that still holds pages is nobody's to lose: it passes to the payer
// above.
#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/kmem.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/trap.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static bool step(struct object *o);

// Above, the payer had reserved p's quota: what o costs is taken out of that reservation and becomes its own.
static void pass_on(struct memory *m, struct process *p)
{
    size_t cost = memory_cost(m);
    list_remove(&m->object.paid);
    list_append(&p->object.payer->objects, &m->object.paid);
    m->object.payer = p->object.payer;
    p->used -= cost;
    p->quota -= cost;
}

static bool step_process(struct process *p)
{
    if (!list_empty(&p->threads)) {
        struct thread *t = CONTAINER(p->threads.next, struct thread, sibling);
        object_retire(&t->exec.object);
        thread_release(t);
        return false;
    }
    if (!list_empty(&p->objects)) {
        struct object *child = CONTAINER(p->objects.previous, struct object, paid); // dependents came later
        if (child->type == OBJECT_MEMORY && !memory_is_empty((struct memory *)child)) {
            pass_on((struct memory *)child, p);
            return false;
        }
        if (!child->dying)
            object_retire(child);
        step(child);
        return false;
    }
    if (p->aspace.count) {
        mapping_end(p->aspace.map[p->aspace.count - 1]);
        return false;
    }
    trap_ports_changed(p);
    process_release(p);
    return true;
}

static bool step_memory(struct memory *m)
{
    if (!list_empty(&m->waiters)) {
        struct exec *e = CONTAINER(m->waiters.next, struct exec, fault);
        list_remove(&e->fault);
        call_cancel(&e->call);
        sched_ready(e, false, false);
        return false;
    }
    if (!list_empty(&m->mappings)) {
        mapping_end(CONTAINER(m->mappings.next, struct mapping, node));
        return false;
    }
    memory_release(m);
    return true;
}

// A space takes its vCPUs along, a VM its spaces.
static bool step_space(struct space *s)
{
    if (!list_empty(&s->vcpus)) {
        struct vcpu *v = CONTAINER(s->vcpus.next, struct vcpu, sibling);
        if (!v->exec.object.dying)
            object_retire(&v->exec.object);
        vcpu_release(v);
        return false;
    }
    if (s->aspace.count) {
        mapping_end(s->aspace.map[s->aspace.count - 1]);
        return false;
    }
    aspace_release(&s->aspace);
    list_remove(&s->sibling);
    object_free(&s->object);
    return true;
}

static bool step_vm(struct vm *vm)
{
    if (!list_empty(&vm->spaces)) {
        struct space *s = CONTAINER(vm->spaces.next, struct space, sibling);
        if (!s->object.dying)
            object_retire(&s->object);
        step_space(s);
        return false;
    }
    vm_release(vm);
    return true;
}

static bool step_endpoint(struct endpoint *e)
{
    if (!list_empty(&e->callers)) {
        call_fail(CONTAINER(e->callers.next, struct call, node));
        return false;
    }
    if (!list_empty(&e->waiters)) {
        thread_wake(CONTAINER(e->waiters.next, struct thread, waiting), STATUS_GONE);
        return false;
    }
    object_free(&e->object);
    return true;
}

static bool step_reply(struct reply *r)
{
    if (r->waiter)
        thread_wake(r->waiter, STATUS_GONE);
    if (r->call)
        call_requeue(r->call);
    object_free(&r->object);
    return true;
}

// Whoever it paid for is charged to the root task's account from now on.
static bool step_account(struct account *a)
{
    if (!list_empty(&a->execs)) {
        exec_set_account(CONTAINER(a->execs.next, struct exec, charged), root_account);
        return false;
    }
    timer_cancel(&a->replenish);
    object_free(&a->object);
    return true;
}

static bool step_ioports(struct ioports *i)
{
    if (this_cpu()->ports_of)
        trap_ports_changed(this_cpu()->ports_of);
    object_free(&i->object);
    return true;
}

// One bounded step; true when the object is gone.
static bool step(struct object *o)
{
    switch (o->type) {
    case OBJECT_PROCESS: return step_process((struct process *)o);
    case OBJECT_MEMORY: return step_memory((struct memory *)o);
    case OBJECT_SPACE: return step_space((struct space *)o);
    case OBJECT_ENDPOINT: return step_endpoint((struct endpoint *)o);
    case OBJECT_REPLY: return step_reply((struct reply *)o);
    case OBJECT_ACCOUNT: return step_account((struct account *)o);
    case OBJECT_IOPORTS: return step_ioports((struct ioports *)o);
    case OBJECT_THREAD: thread_release((struct thread *)o); return true;
    case OBJECT_VCPU: vcpu_release((struct vcpu *)o); return true;
    case OBJECT_VM: return step_vm((struct vm *)o);
    case OBJECT_IRQ: irq_release((struct irq *)o); return true;
    default: object_free(o); return true;
    }
}

static bool in_use(const struct object *o)
{
    const struct process *self = current_thread()->process;
    switch (o->type) {
    case OBJECT_SYSTEM: return true;
    case OBJECT_PROCESS: return o == &self->object || !o->payer;
    case OBJECT_THREAD: return o == &current_thread()->exec.object;
    case OBJECT_MEMORY: return !memory_is_empty((const struct memory *)o);
    case OBJECT_ACCOUNT: return (const struct account *)o == root_account;
    default: return false;
    }
}

enum { STEPS_AT_A_TIME = 16 };

void demolish(struct thread *t)
{
    struct object *o = t->demolishing;
    for (unsigned i = 0; o && i < STEPS_AT_A_TIME; i++)
        if (step(o))
            o = NULL;
    t->demolishing = o;
    if (!o) {
        this_cpu()->hazards &= ~(uint32_t)HAZARD_DEMOLISH;
        return;
    }
    interrupts_on();
    cpu_relax();
    interrupts_off();
}

uint32_t sys_destroy(struct request *r)
{
    struct object *o = r->object[0];
    if (in_use(o))
        return STATUS_BUSY;
    object_retire(o);
    current_thread()->demolishing = o;
    this_cpu()->hazards |= HAZARD_DEMOLISH;
    return STATUS_OK;
}
