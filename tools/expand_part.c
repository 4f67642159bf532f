// The part of a plan that one VM is, for a machine that runs.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "tools/expand_parts.h"

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const struct plan_vm *find_vm(const struct plan *whole, const char *vm)
{
    PLAN_EACH(const struct plan_vm, v, &whole->vms)
    if (same(v->name, vm))
        return v;
    return NULL;
}

static void add_objects(const struct plan *whole, const char *quota, struct plan *part)
{
    PLAN_EACH(const struct plan_object, o, &whole->objects)
    if (same(o->name, quota) || same(o->payer, quota))
        *PLAN_ADD(part, &part->objects, struct plan_object) = *o;
}

static void add_extension(const struct plan_server *server, struct plan *part)
{
    struct plan_server more = {.name = server->name};
    PLAN_EACH(const struct plan_cap, c, &server->program.caps)
    if (expand_find_object(part, c->object))
        *PLAN_ADD(part, &more.program.caps, struct plan_cap) = *c;
    PLAN_EACH(const struct plan_map, m, &server->program.maps)
    if (expand_find_object(part, m->memory))
        *PLAN_ADD(part, &more.program.maps, struct plan_map) = *m;
    if (more.program.caps.count || more.program.maps.count)
        *PLAN_ADD(part, &part->extensions, struct plan_server) = more;
}

// Of tables of names the entries that stand for the VM's consoles and servers. A server's name may begin as
// another VM's does: "rng.alpha" is nothing of a VM "rng".
static bool is_of(const struct plan *whole, const char *vm, const char *text)
{
    size_t n = strlen(vm);
    PLAN_EACH(const struct plan_server, s, &whole->servers)
    if (same(s->name, text))
        return same(s->vm, vm);
    return strncmp(text, vm, n) == 0 && (!text[n] || text[n] == '.');
}

static void add_names(const struct plan *whole, const struct plan_object *table, const char *vm,
                      struct plan *part)
{
    PLAN_EACH(const struct plan_name, name, &table->memory.names)
    if (is_of(whole, vm, name->text))
        *PLAN_ADD(part, &part->names, struct plan_part_name) = (struct plan_part_name){table->name, *name};
}

bool part_of(struct report *r, const struct plan *whole, const char *vm, struct plan *part)
{
    *part = (struct plan){.arena = whole->arena};
    const struct plan_vm *v = find_vm(whole, vm);
    if (!v)
        return report_error(r, 0, "there is no VM %s in it", vm);
    *PLAN_ADD(part, &part->vms, struct plan_vm) = *v;
    add_objects(whole, v->quota, part);
    PLAN_EACH(const struct plan_server, s, &whole->servers)
    if (same(s->vm, vm))
        *PLAN_ADD(part, &part->servers, struct plan_server) = *s;
    else if (!s->vm)
        add_extension(s, part);
    PLAN_EACH(const struct plan_object, o, &whole->objects)
    if (o->type == MANIFEST_MEMORY && o->memory.fill == FILL_NAMES)
        add_names(whole, o, vm, part);
    PLAN_EACH(const char *const, ring, &whole->drain)
    if (expand_find_object(part, *ring))
        *PLAN_ADD(part, &part->drain, const char *) = *ring;
    return true;
}
