// Kernel objects: the object table, capabilities.
// SPDX-License-Identifier: MIT
#include "kernel/object.h"

#include "kernel/kmem.h"
#include "kernel/process.h"

struct object_entry object_table[OBJECTS_MAX];
static uint32_t first_free;

// Entry 0 is never given out: its generation differs from that of a zeroed reference.
void objects_init(void)
{
    object_table[0].generation = UINT32_MAX;
    for (uint32_t i = OBJECTS_MAX - 1; i > 0; i--) {
        object_table[i] = (struct object_entry){.generation = 1, .next_free = first_free};
        first_free = i;
    }
}

struct object *object_new(enum object_type type, size_t bytes, struct process *payer)
{
    uint32_t number = first_free;
    if (!number)
        return NULL;
    struct object *o = kmem_alloc(payer, bytes);
    if (!o)
        return NULL;
    first_free = object_table[number].next_free;
    object_table[number].object = o;
    *o = (struct object){.number = number, .type = (uint8_t)type, .bytes = (uint32_t)bytes, .payer = payer};
    list_init(&o->paid);
    list_init(&o->members);
    list_init(&o->member);
    if (payer)
        list_append(&payer->objects, &o->paid);
    return o;
}

void object_retire(struct object *o)
{
    o->dying = true;
    object_table[o->number].generation++;
}

void object_free(struct object *o)
{
    struct object_entry *e = &object_table[o->number];
    uint32_t number = o->number;
    if (!o->dying)
        object_retire(o);
    list_remove(&o->paid);
    list_remove(&o->member);
    kmem_free(o->payer, o, o->bytes);
    e->object = NULL;
    e->next_free = first_free;
    first_free = number;
}
