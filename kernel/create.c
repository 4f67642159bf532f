// CREATE: one row an object type.
// SPDX-License-Identifier: MIT
#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

// Arguments rdx r10 r8 r9 in a[], whose meaning docs/syscalls.md gives by type.
struct request {
    struct process *caller, *payer;
    uint64_t a[4];
};

static enum status endpoint_slot(const struct request *r, uint64_t slot, struct ref *ref, uint64_t *badge)
{
    *ref = (struct ref){0};
    *badge = 0;
    if (slot == SLOT_NONE)
        return STATUS_OK;
    struct object *o;
    struct capability *cap;
    enum status s = cap_get(r->caller, slot, OBJECT_ENDPOINT, RIGHT_SEND, &o, &cap);
    if (s == STATUS_OK) {
        *ref = ref_to(o);
        *badge = cap->badge;
    }
    return s;
}

static enum status new_process(const struct request *r, struct object **out)
{
    struct ref handler;
    uint64_t badge;
    enum status s = endpoint_slot(r, r->a[2], &handler, &badge);
    if (s != STATUS_OK)
        return s;
    return process_create(r->payer, r->a[0], r->a[1], handler, badge, (struct process **)out);
}

static enum status new_thread(const struct request *r, struct object **out)
{
    struct object *p;
    enum status s = cap_get(r->caller, r->a[0], OBJECT_PROCESS, RIGHT_CONTROL, &p, NULL);
    if (s != STATUS_OK)
        return s;
    if (CREATE_CPU(r->a[1]) != 0)
        return STATUS_UNSUPPORTED;
    return thread_create(r->payer, (struct process *)p, CREATE_UTCB(r->a[1]), CREATE_PRIORITY(r->a[1]),
                         current_thread()->exec.account, r->a[2], r->a[3], (struct thread **)out);
}

static enum status new_account(const struct request *r, struct object **out)
{
    return account_create(r->payer, r->a[0], r->a[1], r->a[2], (struct account **)out);
}

static enum status new_endpoint(const struct request *r, struct object **out)
{
    struct endpoint *e = (struct endpoint *)object_new(OBJECT_ENDPOINT, sizeof *e, r->payer);
    if (!e)
        return STATUS_NO_QUOTA;
    list_init(&e->callers);
    list_init(&e->waiters);
    *out = &e->object;
    return STATUS_OK;
}

static enum status new_reply(const struct request *r, struct object **out)
{
    *out = object_new(OBJECT_REPLY, sizeof(struct reply), r->payer);
    return *out ? STATUS_OK : STATUS_NO_QUOTA;
}

static enum status new_notification(const struct request *r, struct object **out)
{
    *out = object_new(OBJECT_NOTIFICATION, sizeof(struct notification), r->payer);
    return *out ? STATUS_OK : STATUS_NO_QUOTA;
}

static enum status new_memory(const struct request *r, struct object **out)
{
    struct ref pager, base = {0};
    uint64_t badge;
    enum status s = endpoint_slot(r, r->a[1], &pager, &badge);
    if (s == STATUS_OK && r->a[2] != SLOT_NONE) {
        struct object *o;
        s = cap_get(r->caller, r->a[2], OBJECT_MEMORY, RIGHT_CONTROL, &o, NULL);
        if (s == STATUS_OK)
            base = ref_to(o);
    }
    if (s != STATUS_OK)
        return s;
    return memory_create(r->payer, r->a[0], pager, badge, base, (struct memory **)out);
}

static enum status new_vm(const struct request *r, struct object **out)
{
    return virt ? vm_create(r->payer, (struct vm **)out) : STATUS_UNSUPPORTED;
}

static enum status new_space(const struct request *r, struct object **out)
{
    struct object *vm;
    enum status s = cap_get(r->caller, r->a[0], OBJECT_VM, RIGHT_CONTROL, &vm, NULL);
    if (s != STATUS_OK)
        return s;
    struct space *space = (struct space *)object_new(OBJECT_SPACE, sizeof *space, r->payer);
    if (!space)
        return STATUS_NO_QUOTA;
    s = aspace_init(&space->aspace, OBJECT_SPACE, virt->paging_format, r->payer);
    if (s != STATUS_OK) {
        object_free(&space->object);
        return s;
    }
    space->vm = (struct vm *)vm;
    list_init(&space->vcpus);
    list_append(&space->vm->spaces, &space->sibling);
    space->root = phys_of(space->aspace.root);
    *out = &space->object;
    return STATUS_OK;
}

static enum status new_vcpu(const struct request *r, struct object **out)
{
    struct object *vm, *space;
    struct ref monitor;
    uint64_t badge;
    enum status s = cap_get(r->caller, r->a[0], OBJECT_VM, RIGHT_CONTROL, &vm, NULL);
    if (s == STATUS_OK)
        s = cap_get(r->caller, r->a[1], OBJECT_SPACE, RIGHT_CONTROL, &space, NULL);
    if (s == STATUS_OK)
        s = endpoint_slot(r, r->a[2], &monitor, &badge);
    if (s != STATUS_OK)
        return s;
    if (((struct space *)space)->vm != (struct vm *)vm || CREATE_PRIORITY(r->a[3]) > PRIORITY_MAX)
        return STATUS_BAD_ARG;
    if (CREATE_CPU(r->a[3]) != 0)
        return STATUS_UNSUPPORTED;
    return vcpu_create(r->payer, (struct vm *)vm, (struct space *)space, monitor, badge,
                       CREATE_PRIORITY(r->a[3]), current_thread()->exec.account, (struct vcpu **)out);
}

static enum status needs_system(const struct request *r, uint64_t slot)
{
    struct object *o;
    return cap_get(r->caller, slot, OBJECT_SYSTEM, RIGHT_CONTROL, &o, NULL);
}

static enum status new_irq(const struct request *r, struct object **out)
{
    enum status s = needs_system(r, r->a[1]);
    return s == STATUS_OK ? irq_create(r->payer, r->a[0], (struct irq **)out) : s;
}

static enum status new_ioports(const struct request *r, struct object **out)
{
    enum status s = needs_system(r, r->a[2]);
    return s == STATUS_OK ? ioports_create(r->payer, r->a[0], r->a[1], (struct ioports **)out) : s;
}

uint64_t sys_create(uint64_t what, uint64_t payer, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    static enum status (*const create[OBJECT_TYPES])(const struct request *, struct object **) = {
        [OBJECT_PROCESS] = new_process, [OBJECT_THREAD] = new_thread,
        [OBJECT_ACCOUNT] = new_account, [OBJECT_ENDPOINT] = new_endpoint,
        [OBJECT_REPLY] = new_reply,     [OBJECT_NOTIFICATION] = new_notification,
        [OBJECT_MEMORY] = new_memory,   [OBJECT_SPACE] = new_space,
        [OBJECT_VM] = new_vm,           [OBJECT_VCPU] = new_vcpu,
        [OBJECT_IRQ] = new_irq,         [OBJECT_IOPORTS] = new_ioports,
    };
    struct request r = {.caller = current_thread()->process, .a = {a, b, c, d}};
    uint16_t type = (uint16_t)what;
    uint64_t slot = what >> 16;
    struct object *o;
    if (type >= OBJECT_TYPES || !create[type])
        return STATUS_BAD_ARG;
    enum status s = cap_free(r.caller, slot);
    if (s == STATUS_OK)
        s = cap_get(r.caller, payer, OBJECT_PROCESS, RIGHT_PAY, &o, NULL);
    if (s != STATUS_OK)
        return s;
    r.payer = (struct process *)o;
    s = create[type](&r, &o);
    if (s == STATUS_OK)
        cap_put(r.caller, slot, o, RIGHT_ALL, 0);
    return s;
}
