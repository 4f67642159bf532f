// Processes.
// SPDX-License-Identifier: MIT
#include "kernel/process.h"

#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/platform.h"

enum { SLOTS_MIN = 8, SLOTS_MAX = 4096 };

static size_t slot_bytes(const struct process *p)
{
    return p->slot_count * sizeof(struct capability);
}

static enum status build(struct process *p)
{
    p->slots = kmem_alloc(p, slot_bytes(p));
    enum status s = aspace_init(&p->aspace, OBJECT_PROCESS, PAGING_X86, p);
    if (s != STATUS_OK)
        return s;
    p->cr3 = phys_of(p->aspace.root);
    memcpy(p->aspace.root + ENTRIES / 2, (uint64_t *)pool_pointer(kernel_root) + ENTRIES / 2, PAGE_SIZE / 2);
    // The table of the UTCB window, linked where memory_map() never goes.
    uint64_t *window = aspace_entry(&p->aspace, UTCB_WINDOW, PAGE_2M);
    p->utcb_table = kmem_alloc(p, PAGE_SIZE);
    if (!p->slots || !window || !p->utcb_table)
        return STATUS_NO_QUOTA;
    *window = entry_table(PAGING_X86, phys_of(p->utcb_table), RIGHT_READ | RIGHT_WRITE);
    return STATUS_OK;
}

enum status process_create(struct process *payer, uint64_t quota, uint64_t slots, struct ref handler,
                           uint64_t badge, struct process **out)
{
    if (slots < SLOTS_MIN || slots > SLOTS_MAX)
        return STATUS_BAD_ARG;
    if (payer && payer->quota - payer->used < quota)
        return STATUS_NO_QUOTA;
    struct process *p = (struct process *)object_new(OBJECT_PROCESS, sizeof *p, payer);
    if (!p)
        return STATUS_NO_QUOTA;
    list_init(&p->objects);
    list_init(&p->threads);
    p->quota = quota;
    p->slot_count = (uint32_t)slots;
    p->handler = handler;
    p->handler_badge = badge;
    enum status s = payer && payer->quota - payer->used < quota ? STATUS_NO_QUOTA : build(p);
    if (payer)
        payer->used += quota;
    if (s == STATUS_OK)
        *out = p;
    else
        process_release(p);
    return s;
}

void process_release(struct process *p)
{
    kmem_free(p, p->utcb_table, PAGE_SIZE);
    aspace_release(&p->aspace);
    kmem_free(p, p->slots, slot_bytes(p));
    kassert(p->used == 0);
    if (p->object.payer)
        p->object.payer->used -= p->quota;
    object_free(&p->object);
}

void cap_put(struct process *p, uint64_t slot, const struct object *o, uint32_t rights, uint64_t badge)
{
    p->slots[slot] = (struct capability){.ref = ref_to(o), .badge = badge, .grip = GRIP(o->type, rights)};
}

enum status cap_error(const struct process *p, uint64_t slot, enum object_type type)
{
    const struct capability *c = cap_slot(p, slot);
    const struct object *o = c ? ref_get(c->ref) : NULL;
    return o && (type == OBJECT_NONE || o->type == type) ? STATUS_NO_RIGHT : STATUS_BAD_CAP;
}

enum status cap_free(struct process *p, uint64_t slot)
{
    const struct capability *c = cap_slot(p, slot);
    if (!c)
        return STATUS_BAD_ARG;
    return ref_get(c->ref) ? STATUS_EXISTS : STATUS_OK;
}
