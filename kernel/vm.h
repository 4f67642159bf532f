// A VM: a route table, and the spaces and vCPUs that belong together.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/space.h"
#include "kernel/thread.h"
#include "kernel/vcpu.h"
#include "libipc/abi/info.h"
#include "libipc/abi/syscall.h"

enum { ROUTES_MAX = INFO_ROUTE_PLACES, VCPUS_MAX = 64 };

struct route {
    uint64_t first, last;
    struct capability target; // endpoint or notification
    uint64_t count;           // accesses along it
};

struct route_list {
    uint32_t count;
    uint32_t recent;                // index of the one last found
    struct route route[ROUTES_MAX]; // sorted, disjoint; then zeroes, whose targets are dead
};

enum route_direction { ROUTE_READS, ROUTE_WRITES, ROUTE_DIRECTIONS };

struct vm {
    struct object object;
    struct route_list routes[2][ROUTE_DIRECTIONS]; // by enum access_space
    uint32_t groups[EXIT_KINDS];                   // of state that comes with an exit
    uint32_t vcpus;                                // ever made: their numbers
};

struct route *route_search(struct route_list *l, uint64_t at);

// The route of an address, NULL when there is none. Mostly the one of the access before.
static inline struct route *route_find(struct vm *vm, enum access_space space, enum route_direction d,
                                       uint64_t at)
{
    struct route_list *l = &vm->routes[space][d];
    struct route *r = &l->route[l->recent];
    return r->first <= at && at <= r->last ? r : route_search(l, at);
}

enum status vm_make(void *o, const struct request *r) MUST_CHECK;

enum status vcpu_make(void *o, const struct request *r) MUST_CHECK;
bool vcpu_release(void *o);
void vcpu_enter(struct vcpu *v);
void vcpu_message_exit(const struct call *c, struct thread *to);
// The answers to an exit and to an access, from what is in the server's frame. *next: the vCPU, when it can
// go on, else NULL. What is refused has no effect.
enum status vcpu_answer_exit(struct vcpu *v, const struct thread *from, struct exec **next) MUST_CHECK;
// True when the guest can go on. The call is over.
bool vcpu_answer_access(struct vcpu *v, uint64_t value);
// The access of the monitor, or of the exit, along its route.
bool vcpu_send_access(struct vcpu *v);
bool vcpu_access_ok(const struct vcpu_access *a);
void vcpu_set_deadline(struct vcpu *v, uint64_t deadline); // TSC; 0: none

// Out of a halt.
void vcpu_unpark(struct vcpu *v);

// Sends the exit in v->exit to the monitor.
void vcpu_exit_to_monitor(struct vcpu *v, enum exit_kind kind);
