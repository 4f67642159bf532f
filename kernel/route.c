// The exit route table.
// SPDX-License-Identifier: MIT
//
// One sorted list a kind of address and direction; a lookup is a binary search among at most ROUTES_MAX
// ranges.
#include "kernel/endpoint.h"
#include "kernel/lib/string.h"
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

const struct route *route_search(struct route_list *l, uint64_t at)
{
    const struct route *r = position(l, at);
    if (r == l->route + l->count || at < r->first)
        return NULL;
    l->recent = (uint32_t)(r - l->route);
    return r;
}

static enum status check_add(struct route_list *l, const struct route *r)
{
    const struct route *next = position(l, r->first);
    if (next < l->route + l->count && next->first <= r->last)
        return STATUS_EXISTS;
    return l->count == ROUTES_MAX ? STATUS_NO_QUOTA : STATUS_OK;
}

static void add(struct route_list *l, const struct route *r)
{
    struct route *at = position(l, r->first);
    memmove(at + 1, at, (size_t)((char *)(l->route + l->count++) - (char *)at));
    *at = *r;
}

static enum status check_remove(struct route_list *l, const struct route *r)
{
    const struct route *at = position(l, r->first);
    bool there = at < l->route + l->count && at->first == r->first && at->last == r->last;
    return there ? STATUS_OK : STATUS_NOT_FOUND;
}

static void remove(struct route_list *l, const struct route *r)
{
    struct route *at = position(l, r->first);
    memmove(at, at + 1, (size_t)((char *)(l->route + --l->count) - (char *)at));
    l->route[l->count] = (struct route){0};
}

static enum status exit_groups(struct vm *vm, uint64_t first, uint64_t last, uint64_t groups)
{
    if (first > last || last >= EXIT_KINDS || (groups & ~(uint64_t)GROUP_ALL))
        return STATUS_BAD_ARG;
    for (uint64_t k = first; k <= last; k++)
        vm->groups[k] = (uint32_t)groups;
    return STATUS_OK;
}

static enum status target(struct process *p, uint64_t slot, uint32_t rights, struct route *r)
{
    struct object *o;
    struct capability *cap;
    enum status s = cap_get(p, slot, OBJECT_NONE, RIGHT_SEND, &o, &cap);
    if (s != STATUS_OK)
        return s;
    bool doorbell = o->type == OBJECT_NOTIFICATION;
    if ((o->type != OBJECT_ENDPOINT && !doorbell))
        return STATUS_BAD_CAP;
    if (doorbell && rights != RIGHT_WRITE)
        return STATUS_BAD_ARG;
    r->target.ref = ref_to(o);
    return STATUS_OK;
}

// Each direction named in the rights: all checked, then all done.
static enum status change(struct route_list lists[ROUTE_DIRECTIONS], uint32_t rights, const struct route *r,
                          enum status (*check)(struct route_list *, const struct route *),
                          void (*act)(struct route_list *, const struct route *))
{
    for (unsigned d = 0; d < ROUTE_DIRECTIONS; d++) {
        enum status s = rights & (RIGHT_READ << d) ? check(&lists[d], r) : STATUS_OK;
        if (s != STATUS_OK)
            return s;
    }
    for (unsigned d = 0; d < ROUTE_DIRECTIONS; d++)
        if (rights & (RIGHT_READ << d))
            act(&lists[d], r);
    return STATUS_OK;
}

uint64_t sys_route(uint64_t slot, uint64_t kind, uint64_t first, uint64_t last, uint64_t to, uint64_t badge)
{
    struct process *p = current_thread()->process;
    struct object *o;
    enum status s = cap_get(p, slot, OBJECT_VM, RIGHT_CONTROL, &o, NULL);
    if (s != STATUS_OK)
        return s;
    struct vm *vm = (struct vm *)o;
    uint32_t rights = (uint32_t)(kind >> 8), base = (uint8_t)kind & ~(uint32_t)ROUTE_REMOVE;
    if (base == ROUTE_EXIT)
        return exit_groups(vm, first, last, badge);
    if (base > ROUTE_GPA || first > last || (base == ROUTE_PORT && last > 0xffff) || !rights ||
        (rights & ~(uint32_t)(RIGHT_READ | RIGHT_WRITE)))
        return STATUS_BAD_ARG;
    struct route r = {.first = first, .last = last, .target.badge = badge};
    if (kind & ROUTE_REMOVE)
        return change(vm->routes[base], rights, &r, check_remove, remove);
    if ((s = target(p, to, rights, &r)) != STATUS_OK)
        return s;
    return change(vm->routes[base], rights, &r, check_add, add);
}
