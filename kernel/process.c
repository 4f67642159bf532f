// Processes.
// SPDX-License-Identifier: MIT
#include "kernel/process.h"

#include "kernel/device.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"
#include "kernel/platform/platform.h"
#include "kernel/syscalls.h"
#include "kernel/trap.h"

enum { SLOTS_MIN = 8, SLOTS_MAX = 4096 };

static size_t slot_bytes(const struct process *p)
{
    return p->slot_count * sizeof(struct capability);
}

enum status process_make(void *o, const struct request *r)
{
    struct process *p = o, *payer = p->object.payer;
    uint64_t quota = r->a[2], slots = r->a[3];
    list_init(&p->objects);
    if (slots < SLOTS_MIN || slots > SLOTS_MAX)
        return STATUS_BAD_ARG;
    if (payer && payer->quota - payer->used < quota)
        return STATUS_NO_QUOTA;
    if (payer)
        payer->used += quota;
    p->quota = quota;
    p->slot_count = (uint32_t)slots;
    p->handler = named(r, 4);
    enum status s = aspace_init(&p->aspace, OBJECT_PROCESS, PAGING_X86, p);
    if (s != STATUS_OK)
        return s;
    p->cr3 = phys_of(p->aspace.root);
    memcpy(p->aspace.root + ENTRIES / 2, (uint64_t *)pool_pointer(kernel_root) + ENTRIES / 2, PAGE_SIZE / 2);
    // The table of the UTCB window, linked where memory_map() never goes.
    uint64_t *window = aspace_entry(&p->aspace, UTCB_WINDOW, PAGE_2M);
    p->utcb_table = kmem_alloc(p, PAGE_SIZE);
    p->slots = kmem_alloc(p, slot_bytes(p));
    if (!window || !p->utcb_table || !p->slots)
        return STATUS_NO_QUOTA;
    *window = entry_table(PAGING_X86, phys_of(p->utcb_table), RIGHT_READ | RIGHT_WRITE);
    return STATUS_OK;
}

bool process_release(void *o)
{
    struct process *p = o;
    device_fence(p);
    if (!aspace_release(&p->aspace))
        return false;
    trap_ports_changed(p);
    kmem_free(p, p->utcb_table, PAGE_SIZE);
    kmem_free(p, p->slots, slot_bytes(p));
    kassert(p->used == 0);
    if (p->object.payer)
        p->object.payer->used -= p->quota;
    return true;
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
