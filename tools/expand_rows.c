// Rows of the tables become rows of the plan.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

// A name of the tables, with those of the VM, the server and the part in their places.
const char *expand_name(const struct scope *s, const char *pattern)
{
    const char *text = "";
    if (!pattern)
        return NULL;
    for (; *pattern; pattern++)
        text = *pattern == '%'   ? arena_format(s->plan->arena, "%s%s", text, s->vm)
               : *pattern == '@' ? arena_format(s->plan->arena, "%s%s", text, s->server)
               : *pattern == '#' ? arena_format(s->plan->arena, "%s%s", text, s->part)
                                 : arena_format(s->plan->arena, "%s%c", text, *pattern);
    return text;
}

struct plan_object *expand_object(const struct scope *s, enum manifest_type type, const char *pattern,
                                  const char *payer)
{
    struct plan_object *o = PLAN_ADD(s->plan, &s->plan->objects, struct plan_object);
    o->type = type;
    o->name = expand_name(s, pattern);
    o->payer = expand_name(s, payer);
    return o;
}

void expand_memory(const struct scope *s, const char *pattern, const char *payer, uint64_t bytes,
                   enum manifest_fill fill)
{
    struct plan_object *o = expand_object(s, MANIFEST_MEMORY, pattern, payer);
    o->memory.pages = (bytes + PAGE - 1) / PAGE;
    o->memory.fill = fill;
}

void expand_cap(const struct scope *s, struct plan_program *to, struct kind_cap row)
{
    *PLAN_ADD(s->plan, &to->caps, struct plan_cap) =
        (struct plan_cap){row.slot, expand_name(s, row.object), row.rights, row.badge};
}

void expand_map(const struct scope *s, struct list *maps, struct kind_map row)
{
    *PLAN_ADD(s->plan, maps, struct plan_map) =
        (struct plan_map){row.address, expand_name(s, row.memory), row.rights};
}

static void add_rows(const struct scope *s, struct plan_program *to, const struct kind_cap *caps,
                     const struct kind_map *maps)
{
    for (; caps->object; caps++)
        expand_cap(s, to, *caps);
    for (; maps->memory; maps++)
        expand_map(s, &to->maps, *maps);
}

void expand_account(const struct scope *s, const char *pattern, const char *payer, uint64_t weight)
{
    expand_object(s, MANIFEST_ACCOUNT, pattern, payer)->account.weight = weight;
}

void expand_set_text(struct plan_object *o, const char *text)
{
    o->memory.fill = FILL_TEXT;
    o->memory.text = text;
    o->memory.pages = strlen(text) / PAGE + 1;
}

static void add_text(const struct scope *s, const char *pattern, const char *payer, const char *text)
{
    expand_set_text(expand_object(s, MANIFEST_MEMORY, pattern, payer), text);
}

struct plan_server *expand_server(struct scope *s, enum kind_index index, const char *config)
{
    const struct kind *k = &kinds[index];
    s->server = expand_name(s, k->name);
    expand_object(s, MANIFEST_ENDPOINT, "@", k->payer);
    expand_object(s, MANIFEST_NOTIFICATION, "@.bits", k->payer);
    for (const struct kind_memory *m = k->memory; m->name; m++)
        expand_memory(s, m->name, k->payer, m->bytes, FILL_ZERO);
    add_text(s, "@.config", k->payer, config);
    if (!k->account)
        expand_account(s, "@.account", k->payer, 100);
    struct plan_server *server = PLAN_ADD(s->plan, &s->plan->servers, struct plan_server);
    *server = (struct plan_server){.name = s->server,
                                   .payer = expand_name(s, k->payer),
                                   .account = expand_name(s, k->account ? k->account : "@.account"),
                                   .vm = k->payer ? s->vm : NULL,
                                   .quota = k->quota,
                                   .slots = k->slots,
                                   .heap = k->heap,
                                   .priority = k->priority,
                                   .takes_console = k->takes_console,
                                   .program = {.image = k->image}};
    add_rows(s, &server->program, common_caps, common_maps);
    expand_memory(s, "@.log", k->payer, RING_PAGES(LOG_RING_BYTES) * PAGE, FILL_ZERO);
    add_rows(s, &server->program, k->caps, k->maps);
    return server;
}

void expand_stand_in(struct scope *s, struct plan_server *server, enum kind_index index, const char *more)
{
    const struct kind *k = &kinds[index];
    uint64_t state = 0;
    s->server = server->name;
    for (const struct kind_memory *m = k->memory; m->name; m++)
        state = strcmp(m->name, "@.state") == 0 ? m->bytes : state;
    add_text(s, "@.failed", k->payer,
             arena_format(s->plan->arena, "{\"state\": %llu%s}", (unsigned long long)state, more));
    server->failed.image = "failed";
    add_rows(s, &server->failed, common_failed_caps, common_failed_maps);
    add_rows(s, &server->failed, k->failed_caps, k->failed_maps);
}

struct plan_server *expand_find_server(const struct plan *p, const char *name)
{
    PLAN_EACH(struct plan_server, s, &p->servers)
    if (strcmp(s->name, name) == 0)
        return s;
    return NULL;
}

struct plan_object *expand_find_object(const struct plan *p, const char *name)
{
    PLAN_EACH(struct plan_object, o, &p->objects)
    if (strcmp(o->name, name) == 0)
        return o;
    return NULL;
}
