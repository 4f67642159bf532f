// The exit route table.
// SPDX-License-Identifier: MIT
//
// One sorted list a kind of address and direction; a lookup is a binary search among at most ROUTES_MAX
// ranges.
#include "kernel/endpoint.h"
#include "kernel/syscalls.h"
#include "kernel/virt/virt.h"
#include "kernel/vm.h"

enum status vm_make(void *o, const struct request *r)
{
    struct vm *vm = o;
    (void)r;
    for (unsigned i = 0; i < EXIT_KINDS; i++)
        vm->groups[i] = GROUP_ALL;
    return virt ? STATUS_OK : STATUS_UNSUPPORTED;
}

// The first route that ends at or behind the address, or the list's end.
static struct route *position(struct route_list *l, uint64_t at)
{
    struct route *r = l->route;
    uint32_t n = l->count;
    if (!n)
        return r;
    for (uint32_t half; n > 1; n -= half) {
        half = n / 2;
        r += r[half - 1].last < at ? half : 0;
    }
    return r + (r->last < at);
}

struct route *route_search(struct route_list *l, uint64_t at)
{
    struct route *r = position(l, at);
    if (r == l->route + l->count || at < r->first)
        return NULL;
    l->recent = (uint32_t)(r - l->route);
    return r;
}

static enum status check(struct route_list *l, const struct route *r, bool remove)
{
    const struct route *at = position(l, r->first);
    bool there = at < l->route + l->count;
    if (remove)
        return there && at->first == r->first && at->last == r->last ? STATUS_OK : STATUS_NOT_FOUND;
    if (there && at->first <= r->last)
        return STATUS_EXISTS;
    return l->count == ROUTES_MAX ? STATUS_NO_QUOTA : STATUS_OK;
}

static void change(struct route_list *l, const struct route *r, bool remove)
{
    struct route *at = position(l, r->first), *end = l->route + l->count;
    if (remove) {
        for (; at + 1 < end; at++)
            at[0] = at[1];
        *at = (struct route){0};
        l->count--;
    } else {
        for (; end > at; end--)
            end[0] = end[-1];
        *at = *r;
        l->count++;
    }
}

static enum status exit_groups(struct vm *vm, uint64_t first, uint64_t last, uint64_t groups)
{
    if (first > last || last >= EXIT_KINDS || (groups & ~(uint64_t)GROUP_ALL))
        return STATUS_BAD_ARG;
    for (uint64_t k = first; k <= last; k++)
        vm->groups[k] = (uint32_t)groups;
    return STATUS_OK;
}

static enum status find_target(const struct request *r, uint32_t rights, struct capability *to)
{
    struct object *o;
    struct capability *cap;
    enum status s = cap_get(r->self, r->a[4], OBJECT_NONE, RIGHT_SEND, &o, &cap);
    if (s != STATUS_OK)
        return s;
    *to = (struct capability){.ref = cap->ref, .badge = r->a[5]};
    if (o->type == OBJECT_NOTIFICATION) // a doorbell
        return rights == RIGHT_WRITE ? STATUS_OK : STATUS_BAD_ARG;
    return o->type == OBJECT_ENDPOINT ? STATUS_OK : STATUS_BAD_CAP;
}

// Each direction named in the rights: all checked, then all done.
uint32_t sys_route(struct request *r)
{
    struct vm *vm = r->object[0];
    struct route route = {.first = r->a[2], .last = r->a[3]};
    uint32_t rights = (uint32_t)(r->a[1] >> 8), kind = (uint8_t)r->a[1] & ~(uint32_t)ROUTE_REMOVE;
    bool remove = r->a[1] & ROUTE_REMOVE;
    if (kind == ROUTE_EXIT)
        return exit_groups(vm, route.first, route.last, r->a[5]);
    if (kind > ROUTE_GPA || route.first > route.last || (kind == ROUTE_PORT && route.last > 0xffff) ||
        !rights || (rights & ~(uint32_t)(RIGHT_READ | RIGHT_WRITE)))
        return STATUS_BAD_ARG;
    enum status s = remove ? STATUS_OK : find_target(r, rights, &route.target);
    for (unsigned d = 0; s == STATUS_OK && d < ROUTE_DIRECTIONS; d++)
        if (rights & (RIGHT_READ << d))
            s = check(&vm->routes[kind][d], &route, remove);
    for (unsigned d = 0; s == STATUS_OK && d < ROUTE_DIRECTIONS; d++)
        if (rights & (RIGHT_READ << d))
            change(&vm->routes[kind][d], &route, remove);
    return s;
}
