// A process: capability table, address space, I/O port rights, a quota of kernel memory.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/memory.h"
#include "kernel/object.h"
#include "libipc/abi/utcb.h"

enum { PORT_RANGES_MAX = 8 };

struct process {
    struct object object;
    uint64_t quota, used;     // bytes of kernel memory
    uint32_t slot_count;      // [I]
    struct capability *slots; // [I]
    struct aspace aspace;
    uint64_t *utcb_table;      // [I] page table of the UTCB window
    uint64_t cr3;              // [I] physical address of its root table
    struct node objects;       // paid by it
    struct capability handler; // endpoint of its fault messages
    uint32_t port_count;
    struct port_range {
        uint16_t first, last;
        struct ref ioports; // the right; dead when the object was destroyed
    } ports[PORT_RANGES_MAX];
};

enum status process_make(void *o, const struct request *r) MUST_CHECK;
bool process_release(void *o);

// Puts a capability into an empty slot. The slot was checked.
void cap_put(struct process *p, uint64_t slot, const struct object *o, uint32_t rights, uint64_t badge);
// OK when the slot exists and is free (holding nothing, or something dead).
enum status cap_free(struct process *p, uint64_t slot) MUST_CHECK;

// The capability in a slot of a process; NULL when there is no such slot.
static inline struct capability *cap_slot(const struct process *p, uint64_t slot)
{
    return slot - 1 < p->slot_count - 1ul ? &p->slots[slot] : NULL; // slot 0 wraps around
}

// The capability in a slot if it is one to a live object of this type (OBJECT_NONE: any) with at least these
// rights (not none), else NULL.
static inline struct capability *cap_find(const struct process *p, uint64_t slot, enum object_type type,
                                          uint32_t rights, struct object **object)
{
    uint32_t mask = type == OBJECT_NONE ? rights : GRIP(UINT16_MAX, rights);
    struct capability *c = &p->slots[slot];
    if (__builtin_expect(slot >= p->slot_count || (c->grip & mask) != GRIP(type, rights), 0))
        return NULL;
    const struct object_entry *e = &object_table[c->ref.number];
    if (__builtin_expect(e->generation != c->ref.generation, 0))
        return NULL;
    *object = e->object;
    return c;
}

// Why cap_find() found none.
enum status cap_error(const struct process *p, uint64_t slot, enum object_type type) MUST_CHECK;

static inline MUST_CHECK enum status cap_get(const struct process *p, uint64_t slot, enum object_type type,
                                             uint32_t rights, struct object **object, struct capability **cap)
{
    struct capability *c = cap_find(p, slot, type, rights, object);
    if (cap)
        *cap = c;
    if (c)
        return STATUS_OK;
    enum status s = cap_error(p, slot, type);
    if (s == STATUS_OK)
        __builtin_unreachable(); // tells the compiler that *object is set where the status is OK
    return s;
}
