// The manifest, written: one line an object, one line a capability.
// SPDX-License-Identifier: MIT
#include "tools/manifest.h"

typedef unsigned long long number;

static const char *comma(const void *item, const void *first)
{
    return item == first ? "\n" : ",\n";
}

static void write_maps(const struct list *maps, const char *indent, FILE *to)
{
    PLAN_EACH(struct plan_map, m, maps)
    fprintf(to, "%s%s{\"address\": \"0x%llx\", \"memory\": \"%s\", \"rights\": \"%s\"}",
            comma(m, maps->items), indent, (number)m->address, m->memory, m->rights);
}

static void write_entries(const struct list *names, FILE *to)
{
    fputs(", \"names\": [", to);
    PLAN_EACH(struct plan_name, n, names)
    fprintf(to, "%s{\"entry\": %llu, \"text\": \"%s\"}", n == names->items ? "" : ", ", (number)n->entry,
            n->text);
    fputs("]", to);
}

static void write_memory(const struct plan_object *o, FILE *to)
{
    fprintf(to, ", \"pages\": %llu, \"fill\": \"%s\"", (number)o->memory.pages,
            manifest_fill_names[o->memory.fill]);
    if (o->memory.file)
        fprintf(to, ", \"file\": \"%s\"", o->memory.file);
    if (o->memory.text)
        fprintf(to, ", \"text\": %s", o->memory.text);
    if (o->memory.device)
        fprintf(to, ", \"device\": \"%s\", \"bar\": %llu", o->memory.device, (number)o->memory.bar);
    if (o->memory.fill == FILL_NAMES)
        write_entries(&o->memory.names, to);
    if (o->memory.pager)
        fprintf(to, ", \"pager\": \"%s\", \"badge\": %llu", o->memory.pager, (number)o->memory.badge);
}

static void write_routes(const struct list *routes, FILE *to)
{
    fputs(", \"routes\": [", to);
    PLAN_EACH(struct plan_route, r, routes)
    fprintf(to,
            "%s{\"space\": \"%s\", \"first\": \"0x%llx\", \"last\": \"0x%llx\", \"rights\": \"%s\", "
            "\"target\": \"%s\", \"badge\": %llu}",
            r == routes->items ? "" : ", ", r->space, (number)r->first, (number)r->last, r->rights, r->target,
            (number)r->badge);
    fputs("]", to);
}

static void write_vcpu(const struct plan_object *o, FILE *to)
{
    fprintf(to,
            ", \"vm\": \"%s\", \"space\": \"%s\", \"monitor\": \"%s\", \"badge\": %llu, \"account\": \"%s\", "
            "\"priority\": %llu",
            o->vcpu.vm, o->vcpu.space, o->vcpu.monitor, (number)o->vcpu.badge, o->vcpu.account,
            (number)o->vcpu.priority);
}

static void write_irq(const struct plan_object *o, FILE *to)
{
    if (o->irq.device)
        fprintf(to, ", \"device\": \"%s\"", o->irq.device);
    else
        fprintf(to, ", \"gsi\": %llu", (number)o->irq.gsi);
}

static void write_details(const struct plan_object *o, FILE *to)
{
    switch (o->type) {
    case MANIFEST_QUOTA: fprintf(to, ", \"bytes\": %llu", (number)o->quota); break;
    case MANIFEST_ACCOUNT: fprintf(to, ", \"weight\": %llu", (number)o->account.weight); break;
    case MANIFEST_MEMORY: write_memory(o, to); break;
    case MANIFEST_VM: write_routes(&o->routes, to); break;
    case MANIFEST_SPACE:
        fprintf(to, ", \"vm\": \"%s\", \"maps\": [", o->space.vm);
        write_maps(&o->space.maps, "      ", to);
        fputs("]", to);
        break;
    case MANIFEST_VCPU: write_vcpu(o, to); break;
    case MANIFEST_IRQ: write_irq(o, to); break;
    case MANIFEST_DEVICE:
        fprintf(to, ", \"vendor\": \"0x%llx\", \"device\": \"0x%llx\", \"index\": %llu, \"optional\": %s",
                (number)o->function.vendor, (number)o->function.device, (number)o->function.index,
                o->function.optional ? "true" : "false");
        break;
    case MANIFEST_IOPORTS:
        fprintf(to, ", \"first\": \"0x%llx\", \"last\": \"0x%llx\"", (number)o->ioports.first,
                (number)o->ioports.last);
        break;
    case MANIFEST_ENDPOINT:
    case MANIFEST_NOTIFICATION: break;
    }
}

static void write_objects(const struct plan *p, FILE *to)
{
    PLAN_EACH(struct plan_object, o, &p->objects)
    {
        fprintf(to, "%s    {\"name\": \"%s\", \"type\": \"%s\"", comma(o, p->objects.items), o->name,
                manifest_type_names[o->type]);
        if (o->payer)
            fprintf(to, ", \"payer\": \"%s\"", o->payer);
        write_details(o, to);
        fputs("}", to);
    }
}

static void write_rights(const struct plan_program *p, FILE *to)
{
    fputs("\"caps\": [", to);
    PLAN_EACH(struct plan_cap, c, &p->caps)
    {
        fprintf(to, "%s      {\"slot\": %u, \"object\": \"%s\", \"rights\": \"%s\"", comma(c, p->caps.items),
                c->slot, c->object, c->rights);
        if (c->badge)
            fprintf(to, ", \"badge\": %llu", (number)c->badge);
        fputs("}", to);
    }
    fputs("],\n     \"maps\": [", to);
    write_maps(&p->maps, "      ", to);
    fputs("]", to);
}

static void write_program(const struct plan_program *p, FILE *to)
{
    fprintf(to, "\"image\": \"%s\",\n     ", p->image);
    write_rights(p, to);
}

static void write_server(const struct plan_server *s, FILE *to)
{
    fprintf(to, "    {\"name\": \"%s\"", s->name);
    if (s->payer)
        fprintf(to, ", \"payer\": \"%s\"", s->payer);
    if (s->vm)
        fprintf(to, ", \"vm\": \"%s\"", s->vm);
    fprintf(to,
            ", \"account\": \"%s\", \"priority\": %llu,\n     \"quota\": %llu, \"slots\": %llu, \"heap\": "
            "%llu%s, ",
            s->account, (number)s->priority, (number)s->quota, (number)s->slots, (number)s->heap,
            s->takes_console ? ", \"takes_console\": true" : "");
    write_program(&s->program, to);
    if (s->failed.image) {
        fputs(",\n     \"failed\": {", to);
        write_program(&s->failed, to);
        fputs("}", to);
    }
    fputs("}", to);
}

static void write_names(const struct list *names, FILE *to)
{
    fputs("[", to);
    PLAN_EACH(const char *, name, names)
    fprintf(to, "%s\"%s\"", name == names->items ? "" : ", ", *name);
    fputs("]", to);
}

static void write_vm(const struct plan_vm *vm, FILE *to)
{
    fprintf(to, "    {\"name\": \"%s\", \"quota\": \"%s\", \"memory\": ", vm->name, vm->quota);
    write_names(&vm->memory, to);
    fputs(", \"images\": ", to);
    write_names(&vm->images, to);
    fprintf(to, ", \"panel\": \"%s\", \"signal\": \"%s\", \"badge\": %llu%s}", vm->panel, vm->signal,
            (number)vm->badge, vm->waits ? ", \"autostart\": false" : "");
}

static void write_faults(const struct plan *p, FILE *to)
{
    PLAN_EACH(struct plan_fault, f, &p->faults)
    fprintf(to, "%s    {\"server\": \"%s\", \"kind\": \"%s\", \"%s\": %llu, \"count\": %llu}",
            comma(f, p->faults.items), f->server, manifest_fault_names[f->kind],
            f->requests ? "requests" : "every_us", (number)(f->requests ? f->requests : f->every_us),
            (number)f->count);
}

static void write_control(const struct plan_control *c, FILE *to)
{
    if (c->server)
        fprintf(to,
                " \"control\": {\"server\": \"%s\", \"events\": \"%s\", \"definition\": \"%s\", "
                "\"signal\": \"%s\", \"badge\": %llu},\n",
                c->server, c->events, c->definition, c->signal, (number)c->badge);
}

static void write_lists(const struct plan *p, FILE *to)
{
    fputs(" \"objects\": [", to);
    write_objects(p, to);
    fputs("],\n \"vms\": [", to);
    PLAN_EACH(struct plan_vm, vm, &p->vms)
    {
        fputs(comma(vm, p->vms.items), to);
        write_vm(vm, to);
    }
    fputs("],\n \"servers\": [", to);
    PLAN_EACH(struct plan_server, s, &p->servers)
    {
        fputs(comma(s, p->servers.items), to);
        write_server(s, to);
    }
    fputs("]", to);
}

void manifest_write(const struct plan *p, FILE *to)
{
    fprintf(to,
            "{\"version\": %u, \"name\": \"%s\", \"log\": \"%s\",\n \"hang\": {\"poll_us\": %llu, "
            "\"cpu_us\": %llu},\n",
            MANIFEST_VERSION, p->name, p->log, (number)p->poll_us, (number)p->cpu_us);
    fputs(" \"init_maps\": [", to);
    write_maps(&p->init_maps, "    ", to);
    fputs("],\n", to);
    if (p->log_signal)
        fprintf(to, " \"log_signal\": \"%s\", \"log_badge\": %llu,\n", p->log_signal, (number)p->log_badge);
    if (p->keep)
        fputs(" \"keep\": true,\n", to);
    write_control(&p->control, to);
    fprintf(to, " \"rams\": {\"memory\": \"%s\", \"signal\": \"%s\", \"badge\": %llu},\n", p->rams.memory,
            p->rams.signal, (number)p->rams.badge);
    fputs(" \"drain\": ", to);
    write_names(&p->drain, to);
    fputs(",\n", to);
    write_lists(p, to);
    fputs(",\n \"faults\": [", to);
    write_faults(p, to);
    fputs("]}\n", to);
}

static void write_extension(const struct plan_server *s, FILE *to)
{
    fprintf(to, "    {\"server\": \"%s\", ", s->name);
    write_rights(&s->program, to);
    fputs("}", to);
}

void manifest_write_part(const struct plan *p, FILE *to)
{
    fputs("{", to);
    write_lists(p, to);
    fputs(",\n \"extends\": [", to);
    PLAN_EACH(const struct plan_server, s, &p->extensions)
    {
        fputs(comma(s, p->extensions.items), to);
        write_extension(s, to);
    }
    fputs("],\n \"names\": [", to);
    PLAN_EACH(const struct plan_part_name, n, &p->names)
    fprintf(to, "%s    {\"memory\": \"%s\", \"entry\": %llu, \"text\": \"%s\"}", comma(n, p->names.items),
            n->table, (number)n->name.entry, n->name.text);
    fputs("],\n \"drain\": ", to);
    write_names(&p->drain, to);
    fputs("}\n", to);
}
