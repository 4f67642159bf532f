// A configuration becomes a plan.
// SPDX-License-Identifier: MIT
#include "tools/expand.h"

#include <string.h>

#include "libipc/proto/disk.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/random.h"
#include "tools/expand_parts.h"

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
        *PLAN_ADD(p, &p->faults, struct plan_fault) =
            (struct plan_fault){f->server.text, (enum manifest_fault)f->kind.number, f->every.number / 1000,
                                f->requests.number, f->count.number};
    }
    return r->errors == errors;
}

// What the supervisor's tables hold.
static bool check_size(struct report *r, const struct plan *p, const struct config *config)
{
    const struct {
        const char *what;
        size_t count, most;
    } sizes[] = {{"kernel objects", p->objects.count, MANIFEST_OBJECTS_MAX},
                 {"servers", p->servers.count, MANIFEST_SERVERS_MAX}};
    unsigned errors = r->errors;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].count > sizes[i].most)
            report_error(r, config_vm(config, config->vms.count - 1)->line,
                         "vms: %zu VMs come to %zu %s, expected at most %zu", config->vms.count,
                         sizes[i].count, sizes[i].what, sizes[i].most);
    return r->errors == errors;
}

// Those of the VM that is added; the others have been numbered already.
static void set_numbers(struct scope *s, const char *vm)
{
    if (!s->numbers || strcmp(vm, s->numbers->vm) != 0)
        return;
    s->ram_count = s->numbers->memory;
    s->console_count = s->numbers->console;
}

static bool expand_all(struct arena *a, struct report *r, const struct config *config,
                       const struct expand_numbers *numbers, struct plan *plan)
{
    *plan = (struct plan){.arena = a,
                          .name = config->name.text,
                          .log = log_level_names[config->log.level.number],
                          .poll_us = config->hang.poll.number / 1000,
                          .cpu_us = config->hang.cpu.number / 1000,
                          .keep = config->keep.number};
    struct scope s = {.plan = plan,
                      .config = config,
                      .numbers = numbers,
                      .disk_driver = config->ata ? KIND_ATA : KIND_VIRTIO_BLK};
    expand_memory(&s, "clock", NULL, PAGE, FILL_CLOCK);
    s.server = "memory";
    expand_memory(&s, "@.pools", NULL, PAGE, FILL_POOLS);
    expand_server(&s, KIND_MEMORY, "{}");
    plan->rams = (struct plan_rams){"memory.rams", "memory.bits", MEMORY_BIT_RAMS};
    expand_host_line(&s);
    expand_terminal(&s);
    expand_switch(&s);
    for (size_t i = 0; i < config->vms.count; i++) {
        set_numbers(&s, config_vm(config, i)->name.text);
        expand_vm(&s, config_vm(config, i));
    }
    expand_disk_driver(&s);
    expand_uplink(&s);
    expand_rng_driver(&s);
    if (config->control.number)
        expand_control(&s);
    expand_logs(&s);
    bool fits = check_size(r, plan, config);
    return add_faults(r, plan, config) && fits;
}

// What it lacks is not known before its kind is. Two virtio functions beside the disk would share an
// interrupt.
static bool check_host(struct report *r, const struct config *config)
{
    unsigned errors = r->errors;
    const char *why = config->ata           ? "this machine has no virtio"
                      : config->uplink.line ? "the uplink has its interrupt"
                                            : NULL;
    for (size_t i = 0; why && i < config->vms.count; i++) {
        const struct value *rng = &config_vm(config, i)->rng;
        if (rng->number == RANDOM_HOST)
            report_error(r, rng->line, "rng: host, expected true or rdrand: %s", why);
    }
    if (config->ata && config->uplink.line)
        report_error(r, config->uplink.line, "uplink: this machine has no virtio");
    return r->errors == errors;
}

bool expand(struct arena *a, struct report *r, const struct config *config, struct plan *plan)
{
    return check_host(r, config) && expand_all(a, r, config, NULL, plan);
}

// Drivers of the host have their channels from the beginning, the switch its ports.
static void check_added(struct report *r, const struct config_vm *c)
{
    for (size_t i = 0; i < c->disks.count; i++) {
        const struct config_disk *d = config_disk(c, i);
        if (d->store.number == DISK_STORE_PARTITION)
            report_error(r, d->line, "disk %s: a VM that is added has none on the host's disk", d->name.text);
    }
    for (size_t i = 0; i < c->nets.count; i++)
        report_error(r, config_net(c, i)->line, "NIC %s: a VM that is added has none",
                     config_net(c, i)->name.text);
    if (c->rng.number == RANDOM_HOST)
        report_error(r, c->rng.line, "rng: host, but a VM that is added has none of the host's device");
}

static bool check_part(struct report *r, const struct config *config, const char *vm)
{
    unsigned errors = r->errors;
    for (size_t i = 0; i < config->vms.count; i++)
        if (strcmp(config_vm(config, i)->name.text, vm) == 0)
            check_added(r, config_vm(config, i));
    return r->errors == errors;
}

bool expand_part(struct arena *a, struct report *r, const struct config *config,
                 const struct expand_numbers *numbers, struct plan *part)
{
    struct plan whole;
    return check_part(r, config, numbers->vm) && expand_all(a, r, config, numbers, &whole) &&
           part_of(r, &whole, numbers->vm, part);
}

void expand_restarts(struct plan *plan, uint64_t requests)
{
    PLAN_EACH(struct plan_server, s, &plan->servers)
    if (s->vm)
        *PLAN_ADD(plan, &plan->faults, struct plan_fault) =
            (struct plan_fault){s->name, INJECT_KILL, 0, requests, FAULT_COUNT_MAX};
}
