// Kernel objects: numbers, generations, references, who pays.
// SPDX-License-Identifier: MIT
//
// Every object begins with a struct object and has an entry in the object table. A capability, and every
// reference that does not keep its target alive, is (number, generation): destroying an object bumps the
// generation in the table, so all of them are dead at once, and the number can be given to another object.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/list.h"
#include "libipc/abi/caps.h"
#include "libipc/abi/status.h"

struct process;
struct request;

struct object {
    uint32_t number;       // [I]
    uint8_t type;          // [I] enum object_type
    uint8_t dying;         // destroyed, being taken apart
    uint32_t bytes;        // charged to payer, memory of growth included
    struct process *payer; // [I] whose quota; the root task's own: NULL
    struct node paid;      // in payer->objects
    struct node members;   // what goes when this goes: a process's threads, a VM's spaces, a space's vCPUs
    struct node member;    // in such a list, or linked to itself
};

struct ref {
    uint32_t number; // 0: none
    uint32_t generation;
};

struct object_entry {
    struct object *object;
    uint32_t generation;
    uint32_t next_free;
};

enum { OBJECTS_MAX = 8192 };
extern struct object_entry object_table[OBJECTS_MAX];

// What it names, and what it is good for: rights in the lower half of `grip`, the object's type in the upper,
// so that one comparison checks both.
struct capability {
    struct ref ref;
    uint64_t badge;
    uint32_t grip;
};
#define GRIP(type, rights) ((uint32_t)(type) << 16 | (uint32_t)(rights))
#define GRIP_RIGHTS(grip)  ((grip)&0xffffu)

// The object behind a reference, or NULL when it died.
static inline struct object *ref_get(struct ref ref)
{
    const struct object_entry *e = &object_table[ref.number];
    return e->generation == ref.generation ? e->object : NULL;
}

static inline struct ref ref_to(const struct object *o)
{
    return (struct ref){o->number, object_table[o->number].generation};
}

void objects_init(void);

// A zeroed object of `bytes`, entered in the table and charged to payer. NULL: no quota.
struct object *object_new(enum object_type type, size_t bytes, struct process *payer);

static inline void object_put_in(struct object *whole, struct object *member)
{
    list_append(&whole->members, &member->member);
}

// Kills all capabilities and references to it. Taking it apart is kernel/lifecycle.c's work.
void object_retire(struct object *o);

// Gives number, memory and quota back; the object is not linked anywhere any more.
void object_free(struct object *o);
