// System calls that name their objects by slots of the caller.
// SPDX-License-Identifier: MIT
//
// A table says what each argument must name (kernel/syscalls.c); nothing has changed when a function begins,
// and all capabilities are good.
#pragma once

#include "kernel/process.h"

enum { ARGUMENTS = 6 };

struct request {
    struct process *self;
    uint64_t a[ARGUMENTS];                   // rdi rsi rdx r10 r8 r9
    void *object[ARGUMENTS];                 // what these slots name; NULL where none is needed or given
    const struct capability *cap[ARGUMENTS]; // the same
};

// What an argument must name: type and rights, zero for what is no slot.
#define NEED(type, rights) GRIP(OBJECT_##type, rights)
#define OPTIONAL           (UINT32_C(1) << 31) // or-ed: SLOT_NONE will do

enum status look_up(struct request *r, const uint32_t needs[ARGUMENTS]) MUST_CHECK;

// The capability of an argument that may be left out.
static inline struct capability named(const struct request *r, unsigned argument)
{
    return r->cap[argument] ? *r->cap[argument] : (struct capability){0};
}

// A new object, arguments as of CREATE; kernel/lifecycle.c.
enum status object_make(enum object_type type, struct process *payer, const struct request *r,
                        struct object **out) MUST_CHECK;

// An object's operations: a[1] is the operation's number, a[2] its argument.
struct operation {
    enum status (*act)(const struct request *r);
    uint32_t need; // of a[2]
};
enum status control(struct request *r, enum object_type type, const struct operation *operations,
                    uint64_t count) MUST_CHECK;

uint32_t sys_create(struct request *r);
uint32_t sys_destroy(struct request *r);
uint32_t sys_device_ctl(struct request *r);
uint32_t sys_info(struct request *r);
uint32_t sys_irq_ctl(struct request *r);
uint32_t sys_route(struct request *r);
uint32_t sys_thread_ctl(struct request *r);
uint32_t sys_vcpu_ctl(struct request *r);
