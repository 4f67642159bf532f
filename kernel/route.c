// The exit route table.
// SPDX-License-Identifier: MIT
//
// One sorted list a kind of address and direction; a lookup is a binary search among at most ROUTES_MAX
// ranges.
#include "kernel/endpoint.h"
#include "kernel/kmem.h"
#include "kernel/lib/print.h"
#include "kernel/vm.h"

enum { LIST_BYTES = ROUTES_MAX * sizeof(struct route) };

void vm_release(struct vm *vm)
{
    for (unsigned i = 0; i < 2 * ROUTE_DIRECTIONS; i++) {
        struct route *list = vm->routes[i / ROUTE_DIRECTIONS][i % ROUTE_DIRECTIONS].route;
        if (list)
            kmem_free(vm->object.payer, list, LIST_BYTES);
    }
    object_free(&vm->object);
}

enum status vm_create(struct process *payer, struct vm **out)
{
    struct vm *vm = (struct vm *)object_new(OBJECT_VM, sizeof *vm, payer);
    if (!vm)
        return STATUS_NO_QUOTA;
    list_init(&vm->spaces);
    for (unsigned i = 0; i < 2 * ROUTE_DIRECTIONS; i++) {
        struct route *list = kmem_alloc(payer, LIST_BYTES);
        if (!list) {
            vm_release(vm);
            return STATUS_NO_QUOTA;
        }
        vm->routes[i / ROUTE_DIRECTIONS][i % ROUTE_DIRECTIONS].route = list;
    }
    for (unsigned i = 0; i < EXIT_KINDS; i++)
        vm->groups[i] = GROUP_ALL;
    *out = vm;
    return STATUS_OK;
}

// Index of the first route that ends at or behind the address.
static uint32_t position(const struct route_list *l, uint64_t at)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (l->route[middle].last < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct route *route_find(const struct vm *vm, enum access_space space, enum route_direction d,
                               uint64_t at)
{
    const struct route_list *l = &vm->routes[space][d];
    uint32_t i = position(l, at);
    return i < l->count && l->route[i].first <= at ? &l->route[i] : NULL;
}

static enum status check_add(const struct route_list *l, const struct route *r)
{
    uint32_t i = position(l, r->first);
    if (i < l->count && l->route[i].first <= r->last)
        return STATUS_EXISTS;
    return l->count == ROUTES_MAX ? STATUS_NO_QUOTA : STATUS_OK;
}

static void add(struct route_list *l, const struct route *r)
{
    uint32_t at = position(l, r->first);
    for (uint32_t i = l->count++; i > at; i--)
        l->route[i] = l->route[i - 1];
    l->route[at] = *r;
}

static enum status check_remove(const struct route_list *l, const struct route *r)
{
    uint32_t i = position(l, r->first);
    bool there = i < l->count && l->route[i].first == r->first && l->route[i].last == r->last;
    return there ? STATUS_OK : STATUS_NOT_FOUND;
}

static void remove(struct route_list *l, const struct route *r)
{
    uint32_t at = position(l, r->first);
    l->count--;
    for (uint32_t i = at; i < l->count; i++)
        l->route[i] = l->route[i + 1];
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
    r->target = ref_to(o);
    return STATUS_OK;
}

// Each direction named in the rights: all checked, then all done.
static enum status change(struct route_list lists[ROUTE_DIRECTIONS], uint32_t rights, const struct route *r,
                          enum status (*check)(const struct route_list *, const struct route *),
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
    struct route r = {.first = first, .last = last, .badge = badge};
    if (kind & ROUTE_REMOVE)
        return change(vm->routes[base], rights, &r, check_remove, remove);
    if ((s = target(p, to, rights, &r)) != STATUS_OK)
        return s;
    return change(vm->routes[base], rights, &r, check_add, add);
}
