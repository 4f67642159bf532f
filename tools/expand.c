// A configuration becomes a plan.
// SPDX-License-Identifier: MIT
#include "tools/expand.h"

#include <string.h>

#include "tools/expand_parts.h"

// Which images there are is known when all VMs are.
static void configure_pager(const struct scope *s)
{
    PLAN_EACH(struct plan_object, o, &s->plan->objects)
    if (strcmp(o->name, "memory.config") == 0)
        expand_set_text(o, arena_format(s->plan->arena, "{\"images\": [%s]}", s->images));
}

static bool add_faults(struct report *r, struct plan *p, const struct config *config)
{
    unsigned errors = r->errors;
    for (size_t i = 0; i < config->faults.count; i++) {
        const struct config_fault *f = config_fault(config, i);
        if (!expand_find_server(p, f->server.text)) {
            const char *names = "";
            PLAN_EACH(struct plan_server, s, &p->servers)
            names = arena_format(p->arena, "%s%s%s", names, *names ? ", " : "", s->name);
            report_error(r, f->server.line, "server: there is no '%s', expected one of %s", f->server.text,
                         names);
        }
        *PLAN_ADD(p, &p->faults, struct plan_fault) = (struct plan_fault){
            f->server.text, (enum manifest_fault)f->kind.number, f->every.number / 1000, f->count.number};
    }
    return r->errors == errors;
}

bool expand(struct arena *a, struct report *r, const struct config *config, struct plan *plan)
{
    *plan = (struct plan){.arena = a,
                          .name = config->name.text,
                          .log = log_level_names[config->log.level.number],
                          .poll_us = config->hang.poll.number / 1000,
                          .cpu_us = config->hang.cpu.number / 1000,
                          .keep = config->keep.number};
    struct scope s = {.plan = plan,
                      .config = config,
                      .images = "",
                      .disk_driver = config->ata ? KIND_ATA : KIND_VIRTIO_BLK};
    expand_memory(&s, "clock", NULL, PAGE, FILL_CLOCK);
    s.server = "memory";
    expand_memory(&s, "@.pools", NULL, PAGE, FILL_POOLS);
    expand_server(&s, KIND_MEMORY, "");
    expand_host_line(&s);
    expand_terminal(&s);
    for (size_t i = 0; i < config->vms.count; i++)
        expand_vm(&s, config_vm(config, i));
    configure_pager(&s);
    expand_disk_driver(&s);
    if (config->control.number)
        expand_control(&s);
    expand_logs(&s);
    return add_faults(r, plan, config);
}
