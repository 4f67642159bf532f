// CREATE: one row an object type.
// SPDX-License-Identifier: MIT
#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/sched.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

// Arguments a[2] to a[5], whose meaning docs/syscalls.md gives by type.
typedef enum status maker(const struct request *r, struct process *payer, void **out);

static struct ref ref_of(const struct request *r, unsigned argument)
{
    return r->object[argument] ? ref_to(r->object[argument]) : (struct ref){0};
}

static uint64_t badge_of(const struct request *r, unsigned argument)
{
    return r->cap[argument] ? r->cap[argument]->badge : 0;
}

static enum status new_process(const struct request *r, struct process *payer, void **out)
{
    return process_create(payer, r->a[2], r->a[3], ref_of(r, 4), badge_of(r, 4), (struct process **)out);
}

static enum status new_thread(const struct request *r, struct process *payer, void **out)
{
    if (CREATE_CPU(r->a[3]) != 0)
        return STATUS_UNSUPPORTED;
    return thread_create(payer, r->object[2], CREATE_UTCB(r->a[3]), CREATE_PRIORITY(r->a[3]),
                         current_thread()->exec.account, r->a[4], r->a[5], (struct thread **)out);
}

static enum status new_account(const struct request *r, struct process *payer, void **out)
{
    return account_create(payer, r->a[2], r->a[3], r->a[4], (struct account **)out);
}

static enum status new_endpoint(const struct request *r, struct process *payer, void **out)
{
    struct endpoint *e = (struct endpoint *)object_new(OBJECT_ENDPOINT, sizeof *e, payer);
    (void)r;
    if (!e)
        return STATUS_NO_QUOTA;
    list_init(&e->callers);
    list_init(&e->waiters);
    *out = e;
    return STATUS_OK;
}

static enum status new_reply(const struct request *r, struct process *payer, void **out)
{
    (void)r;
    *out = object_new(OBJECT_REPLY, sizeof(struct reply), payer);
    return *out ? STATUS_OK : STATUS_NO_QUOTA;
}

static enum status new_notification(const struct request *r, struct process *payer, void **out)
{
    (void)r;
    *out = object_new(OBJECT_NOTIFICATION, sizeof(struct notification), payer);
    return *out ? STATUS_OK : STATUS_NO_QUOTA;
}

static enum status new_memory(const struct request *r, struct process *payer, void **out)
{
    return memory_create(payer, r->a[2], ref_of(r, 3), badge_of(r, 3), ref_of(r, 4), (struct memory **)out);
}

static enum status new_vm(const struct request *r, struct process *payer, void **out)
{
    (void)r;
    return virt ? vm_create(payer, (struct vm **)out) : STATUS_UNSUPPORTED;
}

static enum status new_space(const struct request *r, struct process *payer, void **out)
{
    struct space *space = (struct space *)object_new(OBJECT_SPACE, sizeof *space, payer);
    if (!space)
        return STATUS_NO_QUOTA;
    enum status s = aspace_init(&space->aspace, OBJECT_SPACE, virt->paging_format, payer);
    if (s != STATUS_OK) {
        aspace_release(&space->aspace);
        object_free(&space->object);
        return s;
    }
    space->vm = r->object[2];
    list_init(&space->vcpus);
    list_append(&space->vm->spaces, &space->sibling);
    space->root = phys_of(space->aspace.root);
    *out = space;
    return STATUS_OK;
}

static enum status new_vcpu(const struct request *r, struct process *payer, void **out)
{
    struct space *space = r->object[3];
    uint32_t priority = CREATE_PRIORITY(r->a[5]);
    if (space->vm != r->object[2] || priority > PRIORITY_MAX)
        return STATUS_BAD_ARG;
    if (CREATE_CPU(r->a[5]) != 0)
        return STATUS_UNSUPPORTED;
    return vcpu_create(payer, space->vm, space, ref_of(r, 4), badge_of(r, 4), priority,
                       current_thread()->exec.account, (struct vcpu **)out);
}

static enum status new_irq(const struct request *r, struct process *payer, void **out)
{
    return irq_create(payer, r->a[2], (struct irq **)out);
}

static enum status new_ioports(const struct request *r, struct process *payer, void **out)
{
    return ioports_create(payer, r->a[2], r->a[3], (struct ioports **)out);
}

#define HANDLER (OPTIONAL | NEED(ENDPOINT, RIGHT_SEND))

uint32_t sys_create(struct request *r)
{
    static const struct {
        maker *make;
        uint32_t needs[ARGUMENTS];
    } types[OBJECT_TYPES] = {
        [OBJECT_PROCESS] = {new_process, {[4] = HANDLER}},
        [OBJECT_THREAD] = {new_thread, {[2] = NEED(PROCESS, RIGHT_CONTROL)}},
        [OBJECT_ACCOUNT] = {new_account, {0}},
        [OBJECT_ENDPOINT] = {new_endpoint, {0}},
        [OBJECT_REPLY] = {new_reply, {0}},
        [OBJECT_NOTIFICATION] = {new_notification, {0}},
        [OBJECT_MEMORY] = {new_memory, {[3] = HANDLER, [4] = OPTIONAL | NEED(MEMORY, RIGHT_CONTROL)}},
        [OBJECT_VM] = {new_vm, {0}},
        [OBJECT_SPACE] = {new_space, {[2] = NEED(VM, RIGHT_CONTROL)}},
        [OBJECT_VCPU] = {new_vcpu,
                         {[2] = NEED(VM, RIGHT_CONTROL), [3] = NEED(SPACE, RIGHT_CONTROL), [4] = HANDLER}},
        [OBJECT_IRQ] = {new_irq, {[3] = NEED(SYSTEM, RIGHT_CONTROL)}},
        [OBJECT_IOPORTS] = {new_ioports, {[4] = NEED(SYSTEM, RIGHT_CONTROL)}},
    };
    uint16_t type = (uint16_t)r->a[0];
    uint64_t slot = r->a[0] >> 16;
    struct process *payer = r->object[1];
    void *o;
    if (type >= OBJECT_TYPES || !types[type].make)
        return STATUS_BAD_ARG;
    enum status s = cap_free(r->self, slot);
    if (s == STATUS_OK)
        s = look_up(r, types[type].needs);
    if (s == STATUS_OK)
        s = types[type].make(r, payer, &o);
    if (s == STATUS_OK)
        cap_put(r->self, slot, o, RIGHT_ALL, 0);
    return s;
}
