// CREATE and DESTROY: how each type of object comes and goes, a row a type.
// SPDX-License-Identifier: MIT
//
// DESTROY kills all capabilities at once. The thread that called it then takes the object apart, a bounded
// step at a time, on its way out of the kernel (HAZARD_DEMOLISH); between two steps interrupts are let in and
// somebody more urgent may run. A process takes along what it paid for. Memory that still holds pages is
// nobody's to lose: it passes to the payer above. What CREATE fails to complete ends in the same steps.
#include "kernel/device.h"
#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/platform/x86.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

static enum status endpoint_make(void *o, const struct request *r)
{
    struct endpoint *e = o;
    (void)r;
    list_init(&e->callers);
    list_init(&e->waiters);
    return STATUS_OK;
}

static bool endpoint_release(void *o)
{
    struct endpoint *e = o;
    if (!list_empty(&e->callers))
        call_fail(CONTAINER(e->callers.next, struct call, node));
    else if (!list_empty(&e->waiters))
        thread_wake(first_waiter(e), STATUS_GONE);
    else
        return true;
    return false;
}

static bool reply_release(void *o)
{
    struct reply *r = o;
    if (r->waiter)
        thread_wake(r->waiter, STATUS_GONE);
    if (r->call)
        call_requeue(r->call);
    return true;
}

static enum status space_make(void *o, const struct request *r)
{
    struct space *s = o;
    s->vm = r->object[2];
    object_put_in(&s->vm->object, &s->object);
    enum status status = aspace_init(&s->aspace, OBJECT_SPACE, virt->paging_format, s->object.payer);
    s->root = phys_of(s->aspace.root);
    return status;
}

static bool space_release(void *o)
{
    return aspace_release(&((struct space *)o)->aspace);
}

#define HANDLER (OPTIONAL | NEED(ENDPOINT, RIGHT_SEND))

#define TYPE(type) sizeof(struct type), type##_make, type##_release

// Arguments are a[2] to a[5], whose meaning docs/syscalls.md gives by type.
static const struct {
    size_t bytes; // 0: not to be created
    // Of the object, zeroed but for its head. When it fails, what there is already is released.
    enum status (*make)(void *o, const struct request *r);
    bool (*release)(void *o); // one step; true: nothing is left
    uint32_t needs[ARGUMENTS];
} types[OBJECT_TYPES] = {
    [OBJECT_PROCESS] = {TYPE(process), {[4] = HANDLER}},
    [OBJECT_THREAD] = {TYPE(thread), {[2] = NEED(PROCESS, RIGHT_CONTROL)}},
    [OBJECT_ACCOUNT] = {TYPE(account), {0}},
    [OBJECT_ENDPOINT] = {TYPE(endpoint), {0}},
    [OBJECT_REPLY] = {sizeof(struct reply), NULL, reply_release, {0}},
    [OBJECT_NOTIFICATION] = {sizeof(struct notification), NULL, NULL, {0}},
    [OBJECT_MEMORY] = {TYPE(memory), {[3] = HANDLER, [4] = OPTIONAL | NEED(MEMORY, RIGHT_CONTROL)}},
    [OBJECT_VM] = {sizeof(struct vm), vm_make, NULL, {0}},
    [OBJECT_SPACE] = {TYPE(space), {[2] = NEED(VM, RIGHT_CONTROL)}},
    [OBJECT_VCPU] = {TYPE(vcpu), {[2] = NEED(VM, RIGHT_CONTROL), NEED(SPACE, RIGHT_CONTROL), HANDLER}},
    [OBJECT_IRQ] = {TYPE(irq), {[3] = NEED(SYSTEM, RIGHT_CONTROL)}},
    [OBJECT_IOPORTS] = {TYPE(ioports), {[4] = NEED(SYSTEM, RIGHT_CONTROL)}},
    [OBJECT_DEVICE] = {TYPE(device), {[3] = NEED(SYSTEM, RIGHT_CONTROL)}},
};

// What must go before o: what is in it, and what it paid for; the latest first, as it may depend on others.
static struct object *dependent(const struct object *o)
{
    if (!list_empty(&o->members))
        return CONTAINER(o->members.previous, struct object, member);
    const struct process *p = (const struct process *)o;
    return o->type != OBJECT_PROCESS || list_empty(&p->objects)
               ? NULL
               : CONTAINER(p->objects.previous, struct object, paid);
}

// Above, the payer had reserved p's quota: what m costs is taken out of that reservation and becomes its own.
static void pass_on(struct memory *m, struct process *p)
{
    size_t cost = memory_cost(m);
    list_remove(&m->object.paid);
    list_append(&p->object.payer->objects, &m->object.paid);
    m->object.payer = p->object.payer;
    p->used -= cost;
    p->quota -= cost;
}

// One bounded step; true when the object is gone.
static bool step(struct object *top)
{
    struct object *o = top;
    for (struct object *next; (next = dependent(o)); o = next) {
        if (next->type == OBJECT_MEMORY && !memory_is_empty((struct memory *)next)) {
            pass_on((struct memory *)next, (struct process *)o);
            return false;
        }
        if (!next->dying)
            object_retire(next);
    }
    if (types[o->type].release && !types[o->type].release(o))
        return false;
    object_free(o);
    return o == top;
}

enum status object_make(enum object_type type, struct process *payer, const struct request *r,
                        struct object **out)
{
    struct object *o = *out = object_new(type, types[type].bytes, payer);
    if (!o)
        return STATUS_NO_QUOTA;
    enum status s = types[type].make ? types[type].make(o, r) : STATUS_OK;
    while (s != STATUS_OK && !step(o))
        ;
    return s;
}

uint32_t sys_create(struct request *r)
{
    uint16_t type = (uint16_t)r->a[0];
    uint64_t slot = r->a[0] >> 16;
    struct object *o;
    if (type >= OBJECT_TYPES || !types[type].bytes)
        return STATUS_BAD_ARG;
    struct process *payer = r->object[1];
    enum status s = cap_free(r->self, slot) ?: look_up(r, types[type].needs) ?: object_make(type, payer, r, &o);
    if (s == STATUS_OK)
        cap_put(r->self, slot, o, RIGHT_ALL, 0);
    return s;
}

enum { STEPS_AT_A_TIME = 16 };

void demolish(struct thread *t)
{
    for (unsigned i = 0; t->demolishing && i < STEPS_AT_A_TIME; i++)
        if (step(t->demolishing))
            t->demolishing = NULL;
    if (!t->demolishing) {
        this_cpu()->hazards &= ~(uint32_t)HAZARD_DEMOLISH;
        return;
    }
    interrupts_on();
    cpu_relax();
    interrupts_off();
}

// Is o the other one, or does it pay for it?
static bool supports(const struct object *o, const struct object *other)
{
    while (other && o != other)
        other = other->payer ? &other->payer->object : NULL;
    return other;
}

static bool in_use(const struct object *o)
{
    const struct thread *t = current_thread();
    return o->type == OBJECT_SYSTEM || o == &root_account->object || supports(o, &t->exec.object) ||
           supports(o, &t->process->object) ||
           (o->type == OBJECT_MEMORY && !memory_is_empty((const struct memory *)o));
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
