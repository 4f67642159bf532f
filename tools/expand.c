// A configuration becomes a plan.
// SPDX-License-Identifier: MIT
#include "tools/expand.h"

#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "tools/json_text.h"
#include "tools/kinds.h"

#define PAGE       4096ull
#define MIB        (1ull << 20)
#define GIB        (1ull << 30)
#define RAM_HOLE   (3 * GIB) // from here to 4 GiB a PC has its devices
#define RAM_HIGH   (4 * GIB)
#define COM1_FIRST 0x3f8u
#define COM1_LAST  0x3ffu
#define COM1_GSI   4u

struct scope {
    struct plan *plan;
    const struct config *config;
    const struct config_vm *console; // the VM that has it; NULL: none
    const char *vm, *server;         // what '%' and '@' stand for
    uint32_t ram;                    // number of the VM's memory below 4 GiB
    const char *images;              // of all VMs, for the pager's configuration
    uint32_t image_count;
};

// A name of the tables, with the VM's and the server's in their places.
static const char *name_of(const struct scope *s, const char *pattern)
{
    const char *text = "";
    if (!pattern)
        return NULL;
    for (; *pattern; pattern++)
        text = *pattern == '%'   ? arena_format(s->plan->arena, "%s%s", text, s->vm)
               : *pattern == '@' ? arena_format(s->plan->arena, "%s%s", text, s->server)
                                 : arena_format(s->plan->arena, "%s%c", text, *pattern);
    return text;
}

static struct plan_object *add_object(const struct scope *s, enum manifest_type type, const char *pattern,
                                      const char *payer)
{
    struct plan_object *o = PLAN_ADD(s->plan, &s->plan->objects, struct plan_object);
    o->type = type;
    o->name = name_of(s, pattern);
    o->payer = name_of(s, payer);
    return o;
}

static void add_memory(const struct scope *s, const char *pattern, const char *payer, uint64_t bytes,
                       enum manifest_fill fill)
{
    struct plan_object *o = add_object(s, MANIFEST_MEMORY, pattern, payer);
    o->memory.pages = (bytes + PAGE - 1) / PAGE;
    o->memory.fill = fill;
}

static void add_cap(const struct scope *s, struct plan_program *to, struct kind_cap row)
{
    *PLAN_ADD(s->plan, &to->caps, struct plan_cap) =
        (struct plan_cap){row.slot, name_of(s, row.object), row.rights, row.badge};
}

static void add_map(const struct scope *s, struct list *maps, struct kind_map row)
{
    *PLAN_ADD(s->plan, maps, struct plan_map) =
        (struct plan_map){row.address, name_of(s, row.memory), row.rights};
}

static void add_rows(const struct scope *s, struct plan_program *to, const struct kind_cap *caps,
                     const struct kind_map *maps)
{
    for (; caps->object; caps++)
        add_cap(s, to, *caps);
    for (; maps->memory; maps++)
        add_map(s, &to->maps, *maps);
}

static void add_account(const struct scope *s, const char *pattern, const char *payer, uint64_t weight)
{
    add_object(s, MANIFEST_ACCOUNT, pattern, payer)->account.weight = weight;
}

static void set_text(struct plan_object *o, const char *text)
{
    o->memory.fill = FILL_TEXT;
    o->memory.text = text;
    o->memory.pages = strlen(text) / PAGE + 1;
}

static void add_text(const struct scope *s, const char *pattern, const char *payer, const char *text)
{
    set_text(add_object(s, MANIFEST_MEMORY, pattern, payer), text);
}

// A server with all that its kind has. The scope's server is set to it.
static struct plan_server *add_server(struct scope *s, enum kind_index index, const char *config)
{
    const struct kind *k = &kinds[index];
    s->server = name_of(s, k->name);
    add_object(s, MANIFEST_ENDPOINT, "@", k->payer);
    add_object(s, MANIFEST_NOTIFICATION, "@.bits", k->payer);
    for (const struct kind_memory *m = k->memory; m->name; m++)
        add_memory(s, m->name, k->payer, m->bytes, FILL_ZERO);
    add_text(s, "@.config", k->payer, config);
    if (!k->account)
        add_account(s, "@.account", k->payer, 100);
    struct plan_server *server = PLAN_ADD(s->plan, &s->plan->servers, struct plan_server);
    *server = (struct plan_server){.name = s->server,
                                   .payer = name_of(s, k->payer),
                                   .account = name_of(s, k->account ? k->account : "@.account"),
                                   .vm = k->payer ? s->vm : NULL,
                                   .quota = k->quota,
                                   .slots = k->slots,
                                   .heap = k->heap,
                                   .priority = k->priority,
                                   .takes_console = k->takes_console,
                                   .program = {.image = k->image}};
    add_rows(s, &server->program, common_caps, common_maps);
    if (s->console) {
        add_memory(s, "@.log", k->payer, RING_PAGES(LOG_RING_BYTES) * PAGE, FILL_ZERO);
        add_rows(s, &server->program, log_caps, log_maps);
    }
    add_rows(s, &server->program, k->caps, k->maps);
    return server;
}

// What stands in for a server that has failed for good. more: of its configuration.
static void add_stand_in(struct scope *s, struct plan_server *server, enum kind_index index, const char *more)
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
    if (s->console)
        add_rows(s, &server->failed, log_caps, log_maps);
    add_rows(s, &server->failed, k->failed_caps, k->failed_maps);
}

// Guest memory: below the hole one object, the rest behind 4 GiB another. The pager tells them apart by the
// badge. Returns the number.
static uint32_t add_ram(const struct scope *s, struct plan_vm *vm, struct list *maps,
                        struct plan_server *memory, const char *pattern, uint64_t gpa, uint64_t bytes)
{
    static const uint64_t first = MEMORY_SLOT_RAM;
    uint32_t number = 0;
    PLAN_EACH(struct plan_cap, cap, &memory->program.caps)
    number += cap->slot >= first;
    add_memory(s, pattern, "%.quota", bytes, FILL_NONE);
    struct plan_object *o = (struct plan_object *)s->plan->objects.items + s->plan->objects.count - 1;
    o->memory.pager = "memory";
    o->memory.badge = 1 + number;
    add_cap(s, &memory->program, (struct kind_cap){MEMORY_SLOT_RAM + number, pattern, "rc", 0});
    add_map(s, &memory->program.maps,
            (struct kind_map){MEMORY_MAP_RAM + number * MANIFEST_RAM_STRIDE, pattern, "rw"});
    add_map(s, maps, (struct kind_map){gpa, pattern, "rwx"});
    *PLAN_ADD(s->plan, &vm->memory, const char *) = name_of(s, pattern);
    return number;
}

// A file that several VMs have is in the archive once, by the name that the first of them gave it.
static const struct plan_file *image_file(const struct scope *s, const char *what, const char *path,
                                          size_t aligned)
{
    PLAN_EACH(struct plan_file, f, &s->plan->files)
    if (strcmp(f->path, path) == 0 && f->aligned == aligned)
        return f;
    struct plan_file *f = PLAN_ADD(s->plan, &s->plan->files, struct plan_file);
    *f = (struct plan_file){arena_format(s->plan->arena, "%s%s/%s", MANIFEST_GUEST, s->vm, what), path,
                            aligned};
    return f;
}

// An image of the guest, as it lies in the archive, for its monitor and for the pager; returns its place for
// the monitor's configuration.
static const char *add_image(struct scope *s, const char *what, const char *path, size_t bytes,
                             size_t aligned, struct kind_map map, struct list *maps)
{
    size_t skip = (PAGE - aligned % PAGE) % PAGE;
    const char *name = image_file(s, what, path, aligned)->name;
    add_memory(s, map.memory, "%.quota", skip + bytes, FILL_FILE);
    ((struct plan_object *)s->plan->objects.items)[s->plan->objects.count - 1].memory.file = name;
    add_map(s, maps, map);
    s->images = arena_format(s->plan->arena, "%s%s{\"ram\": %u, \"file\": \"%s\"}", s->images,
                             s->image_count ? ", " : "", s->ram, name);
    return arena_format(s->plan->arena, ", \"%s\": {\"offset\": %zu, \"bytes\": %zu, \"number\": %u}", what,
                        skip, bytes, s->image_count++);
}

static const char *monitor_config(const struct scope *s, const struct config_vm *c, const char *images)
{
    return arena_format(s->plan->arena,
                        "{\"name\": \"%s\", \"memory\": %llu, \"cpus\": %llu, \"cmdline\": \"%s\"%s%s}",
                        s->vm, (unsigned long long)c->memory.number, (unsigned long long)c->cpus.number,
                        json_escape(s->plan->arena, c->cmdline.text), images,
                        c->test_devices.number ? ", \"test_devices\": true" : "");
}

// Kernel memory that a VM may take: page tables of its RAM in two formats if all of it were 4 KiB pages, its
// processes and objects.
static uint64_t vm_quota(const struct config_vm *c)
{
    uint64_t memory = c->memory.number, test = c->test_devices.number ? MIB / 2 : 0;
    return 2 * MIB + test + memory / 512 * 2 + memory / 512 / 512 * 2;
}

static void add_route(const struct scope *s, struct plan_object *vm, struct plan_route route)
{
    route.target = name_of(s, route.target);
    *PLAN_ADD(s->plan, &vm->routes, struct plan_route) = route;
}

static void add_test_routes(const struct scope *s, struct plan_object *vm)
{
    static const struct plan_route routes[] = {
        {0xe0, 0xeb, "port", "rw", "testdev.%", TESTDEV_ROUTE_PORTS},
        {0xf4, 0xf7, "port", "rw", "testdev.%", TESTDEV_ROUTE_EXIT},
        {0x2000, 0x2017, "port", "rw", "testdev.%", TESTDEV_ROUTE_LINES},
        {0xff000000, 0xff00ffff, "memory", "rw", "testdev.%", TESTDEV_ROUTE_MEMORY},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        add_route(s, vm, routes[i]);
}

// The machine that the guest sees: VM, space, vCPU.
static void add_machine(const struct scope *s, const struct config_vm *c, const struct list *maps)
{
    struct plan_object *vm = add_object(s, MANIFEST_VM, "%.vm", "%.quota");
    if (s->console == c)
        add_route(s, vm, (struct plan_route){COM1_FIRST, COM1_LAST, "port", "rw", "console", 1});
    if (c->test_devices.number)
        add_test_routes(s, vm);
    struct plan_object *space = add_object(s, MANIFEST_SPACE, "%.space", "%.quota");
    space->space.vm = name_of(s, "%.vm");
    space->space.maps = *maps;
    struct plan_object *cpu = add_object(s, MANIFEST_VCPU, "%.vcpu0", "%.quota");
    cpu->vcpu.vm = name_of(s, "%.vm");
    cpu->vcpu.space = name_of(s, "%.space");
    cpu->vcpu.monitor = name_of(s, "vmm.%");
    cpu->vcpu.account = name_of(s, "%.account");
    cpu->vcpu.badge = 1;
    cpu->vcpu.priority = c->priority.number;
}

// Which images there are is known when all VMs are.
static void configure_pager(const struct scope *s)
{
    PLAN_EACH(struct plan_object, o, &s->plan->objects)
    if (strcmp(o->name, "memory.config") == 0)
        set_text(o, arena_format(s->plan->arena, "{\"images\": [%s]}", s->images));
}

static struct plan_server *find_server(const struct plan *p, const char *name)
{
    PLAN_EACH(struct plan_server, s, &p->servers)
    if (strcmp(s->name, name) == 0)
        return s;
    return NULL;
}

static void add_vm(struct scope *s, const struct config_vm *c)
{
    struct list space_maps = {0}, maps = {0};
    s->vm = c->name.text;
    struct plan_vm *vm = PLAN_ADD(s->plan, &s->plan->vms, struct plan_vm);
    *vm = (struct plan_vm){.name = s->vm, .quota = name_of(s, "%.quota")};
    add_object(s, MANIFEST_QUOTA, "%.quota", NULL)->quota = vm_quota(c);
    add_account(s, "%.account", "%.quota", c->weight.number);
    uint64_t memory = c->memory.number, low = memory < RAM_HOLE ? memory : RAM_HOLE;
    struct plan_server *pager = find_server(s->plan, "memory");
    s->ram = add_ram(s, vm, &space_maps, pager, "%.ram", 0, low);
    if (memory > low)
        add_ram(s, vm, &space_maps, pager, "%.ram-high", RAM_HIGH, memory - low);
    PLAN_EACH(struct plan_map, m, &space_maps)
    add_map(s, &maps, (struct kind_map){VMM_MAP_RAM + m->address, m->memory, "rw"});
    const char *images = add_image(s, "kernel", c->kernel_path, c->kernel_bytes, c->image.aligned,
                                   (struct kind_map){VMM_MAP_KERNEL, "%.kernel", "r"}, &maps);
    if (c->initrd_path)
        images = arena_format(s->plan->arena, "%s%s", images,
                              add_image(s, "initrd", c->initrd_path, c->initrd_bytes, 0,
                                        (struct kind_map){VMM_MAP_INITRD, "%.initrd", "r"}, &maps));
    struct plan_server *vmm = add_server(s, KIND_VMM, monitor_config(s, c, images));
    add_cap(s, &vmm->program,
            (struct kind_cap){VMM_SLOT_MEMORY, "memory", "s", MEMORY_BADGE_MONITOR + s->ram});
    PLAN_EACH(struct plan_map, m, &maps)
    *PLAN_ADD(s->plan, &vmm->program.maps, struct plan_map) = *m;
    if (s->console != c) // a page that nobody writes
        add_memory(s, "%.line0", "%.quota", PAGE, FILL_ZERO);
    add_map(s, &vmm->program.maps, (struct kind_map){VMM_MAP_LINE, "%.line0", "rw"});
    if (c->test_devices.number) {
        add_map(s, &vmm->program.maps, (struct kind_map){VMM_MAP_LINE + 0x200000, "%.line1", "rw"});
        add_stand_in(s, add_server(s, KIND_TESTDEV, "{}"), KIND_TESTDEV, ", \"line\": true");
    }
    add_machine(s, c, &space_maps);
}

static void add_host_line(struct scope *s)
{
    struct plan_object *irq = add_object(s, MANIFEST_IRQ, "uart.irq", NULL);
    irq->gsi = COM1_GSI;
    struct plan_object *ports = add_object(s, MANIFEST_IOPORTS, "uart.ports", NULL);
    ports->ioports.first = COM1_FIRST;
    ports->ioports.last = COM1_LAST;
    add_stand_in(s, add_server(s, KIND_UART, "{}"), KIND_UART, ", \"prints\": true");
}

static void add_log(const struct scope *s, struct plan_server *console, uint64_t at, const char *ring)
{
    add_map(s, &console->program.maps, (struct kind_map){at, ring, "rw"});
    add_map(s, &console->failed.maps, (struct kind_map){at, ring, "rw"});
}

// The console has the logs of all servers, so it comes last; its VM's quota pays.
static void add_console(struct scope *s)
{
    struct plan *p = s->plan;
    s->vm = s->console->name.text;
    s->server = "init";
    add_memory(s, "@.log", NULL, RING_PAGES(LOG_RING_BYTES) * PAGE, FILL_ZERO);
    add_map(s, &p->init_maps, (struct kind_map){MAP_LOG, "@.log", "rw"});
    p->log_signal = "console.bits";
    p->log_badge = CONSOLE_BIT_LOG;
    *PLAN_ADD(p, &p->drain, const char *) = "init.log";
    const char *names = "\"init\"";
    PLAN_EACH(struct plan_server, other, &p->servers)
    names = arena_format(p->arena, "%s, \"%s\"", names, other->name);
    const char *logs =
        arena_format(p->arena, "\"level\": \"%s\", \"logs\": [%s, \"console\"]", p->log, names);
    struct plan_server *console = add_server(s, KIND_CONSOLE, arena_format(p->arena, "{%s}", logs));
    add_stand_in(s, console, KIND_CONSOLE, arena_format(p->arena, ", \"line\": true, %s", logs));
    uint64_t at = CONSOLE_MAP_LOGS;
    add_log(s, console, at, "init.log");
    PLAN_EACH(struct plan_server, other, &p->servers)
    {
        s->server = other->name;
        add_log(s, console, at += 0x200000, "@.log");
        *PLAN_ADD(p, &p->drain, const char *) = name_of(s, "@.log");
    }
    *PLAN_ADD(p, &p->drain, const char *) = "uart.output";
}

static bool add_faults(struct report *r, struct plan *p, const struct config *config)
{
    unsigned errors = r->errors;
    for (size_t i = 0; i < config->faults.count; i++) {
        const struct config_fault *f = config_fault(config, i);
        if (!find_server(p, f->server.text)) {
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
                          .cpu_us = config->hang.cpu.number / 1000};
    struct scope s = {.plan = plan, .config = config, .images = ""};
    for (size_t i = 0; i < config->vms.count; i++)
        if (config_vm(config, i)->console.number)
            s.console = config_vm(config, i);
    add_memory(&s, "clock", NULL, PAGE, FILL_CLOCK);
    s.server = "memory";
    add_memory(&s, "@.pools", NULL, PAGE, FILL_POOLS);
    add_server(&s, KIND_MEMORY, "");
    if (s.console)
        add_host_line(&s);
    for (size_t i = 0; i < config->vms.count; i++)
        add_vm(&s, config_vm(config, i));
    configure_pager(&s);
    if (s.console)
        add_console(&s);
    return add_faults(r, plan, config);
}
