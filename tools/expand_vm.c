// A VM: its memory, its images, its monitor, the machine that the guest sees.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/proto/bus.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "tools/expand_parts.h"
#include "tools/file.h"
#include "tools/json_text.h"

#define RAM_HOLE (3 * GIB) // from here to 4 GiB a PC has its devices
#define RAM_HIGH (4 * GIB)

enum { COM1_FIRST = 0x3f8, COM1_LAST = 0x3ff };

// Guest memory: below the hole one object, the rest behind 4 GiB another. The pager tells them apart by the
// badge. Returns the number.
static uint32_t add_ram(struct scope *s, struct plan_vm *vm, struct list *maps, struct plan_server *memory,
                        const char *pattern, uint64_t gpa, uint64_t bytes)
{
    uint32_t number = s->ram_count++;
    expand_memory(s, pattern, "%.quota", bytes, FILL_NONE);
    struct plan_object *o = (struct plan_object *)s->plan->objects.items + s->plan->objects.count - 1;
    o->memory.pager = "memory";
    o->memory.badge = 1 + number;
    expand_cap(s, &memory->program, (struct kind_cap){MEMORY_SLOT_RAM + number, pattern, "rc", 0});
    expand_map(s, &memory->program.maps,
               (struct kind_map){MEMORY_MAP_RAM + number * MANIFEST_RAM_STRIDE, pattern, "rw"});
    expand_map(s, maps, (struct kind_map){gpa, pattern, "rwx"});
    *PLAN_ADD(s->plan, &vm->memory, const char *) = expand_name(s, pattern);
    return number;
}

// The check has read it; what is gone since then is missed when it is packed.
static uint64_t sum_of(const char *path)
{
    struct file f;
    if (!file_open(&f, path))
        return 0;
    uint64_t sum = file_sum(&f);
    file_close(&f);
    return sum;
}

const struct plan_file *expand_file(const struct scope *s, const char *what, const char *path, size_t aligned)
{
    PLAN_EACH(struct plan_file, f, &s->plan->files)
    if (strcmp(f->path, path) == 0 && f->aligned == aligned)
        return f;
    struct plan_file *f = PLAN_ADD(s->plan, &s->plan->files, struct plan_file);
    *f = (struct plan_file){
        arena_format(s->plan->arena, "%s%s-%016llx", MANIFEST_GUEST, what, (unsigned long long)sum_of(path)),
        path, aligned};
    return f;
}

// An image of the guest, as it lies in the archive, for its monitor and for the pager; returns its place for
// the monitor's configuration.
static const char *add_image(struct scope *s, const char *what, const char *path, size_t bytes,
                             size_t aligned, struct kind_map map, struct list *maps)
{
    size_t skip = (PAGE - aligned % PAGE) % PAGE;
    const char *name = expand_file(s, what, path, aligned)->name;
    expand_memory(s, map.memory, "%.quota", skip + bytes, FILL_FILE);
    ((struct plan_object *)s->plan->objects.items)[s->plan->objects.count - 1].memory.file = name;
    expand_map(s, maps, map);
    struct plan_vm *vm = (struct plan_vm *)s->plan->vms.items + s->plan->vms.count - 1;
    *PLAN_ADD(s->plan, &vm->images, const char *) = expand_name(s, map.memory);
    return arena_format(s->plan->arena, ", \"%s\": {\"offset\": %zu, \"bytes\": %zu, \"number\": %zu}", what,
                        skip, bytes, vm->images.count - 1);
}

static const char *monitor_config(const struct scope *s, const struct config_vm *c, const char *images)
{
    return arena_format(
        s->plan->arena,
        "{\"name\": \"%s\", \"memory\": %llu, \"cpus\": %llu, \"cmdline\": \"%s\", \"panel\": true%s%s, "
        "\"devices\": [%s]}",
        s->vm, (unsigned long long)c->memory.number, (unsigned long long)c->cpus.number,
        json_escape(s->plan->arena, c->cmdline.text), images,
        c->test_devices.number ? ", \"test_devices\": true" : "", s->devices);
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
    route.target = expand_name(s, route.target);
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
static void add_machine(const struct scope *s, const struct config_vm *c)
{
    struct plan_object *vm = expand_object(s, MANIFEST_VM, "%.vm", "%.quota");
    if (c->console.number)
        add_route(s, vm, (struct plan_route){COM1_FIRST, COM1_LAST, "port", "rw", "console.%", 1});
    if (c->test_devices.number)
        add_test_routes(s, vm);
    struct plan_object *space = expand_object(s, MANIFEST_SPACE, "%.space", "%.quota");
    space->space.vm = expand_name(s, "%.vm");
    space->space.maps = s->guest_ram;
    struct plan_object *cpu = expand_object(s, MANIFEST_VCPU, "%.vcpu0", "%.quota");
    cpu->vcpu.vm = expand_name(s, "%.vm");
    cpu->vcpu.space = expand_name(s, "%.space");
    cpu->vcpu.monitor = expand_name(s, "vmm.%");
    cpu->vcpu.account = expand_name(s, "%.account");
    cpu->vcpu.badge = 1;
    cpu->vcpu.priority = c->priority.number;
}

// Its memory, for itself and for whoever else has it.
static void add_memory(struct scope *s, const struct config_vm *c, struct plan_vm *vm)
{
    uint64_t memory = c->memory.number, low = memory < RAM_HOLE ? memory : RAM_HOLE;
    struct plan_server *pager = expand_find_server(s->plan, "memory");
    s->guest_ram = (struct list){0};
    s->ram = add_ram(s, vm, &s->guest_ram, pager, "%.ram", 0, low);
    if (memory > low)
        add_ram(s, vm, &s->guest_ram, pager, "%.ram-high", RAM_HIGH, memory - low);
}

void expand_guest_ram(const struct scope *s, struct plan_server *server)
{
    PLAN_EACH(struct plan_map, m, &s->guest_ram)
    expand_map(s, &server->program.maps, (struct kind_map){VMM_MAP_RAM + m->address, m->memory, "rw"});
}

// The monitor, but for its configuration. Returns what that says of the images.
static const char *add_monitor(struct scope *s, const struct config_vm *c)
{
    struct list maps = {0};
    const char *images = add_image(s, "kernel", c->kernel_path, c->kernel_bytes, c->image.aligned,
                                   (struct kind_map){VMM_MAP_KERNEL, "%.kernel", "r"}, &maps);
    if (c->initrd_path)
        images = arena_format(s->plan->arena, "%s%s", images,
                              add_image(s, "initrd", c->initrd_path, c->initrd_bytes, 0,
                                        (struct kind_map){VMM_MAP_INITRD, "%.initrd", "r"}, &maps));
    struct plan_server *vmm = expand_server(s, KIND_VMM, "");
    expand_cap(s, &vmm->program,
               (struct kind_cap){VMM_SLOT_MEMORY, "memory", "s", MEMORY_BADGE_MONITOR + s->ram});
    expand_guest_ram(s, vmm);
    PLAN_EACH(struct plan_map, m, &maps)
    *PLAN_ADD(s->plan, &vmm->program.maps, struct plan_map) = *m;
    if (!c->console.number) // a page that nobody writes
        expand_memory(s, "%.line0", "%.quota", PAGE, FILL_ZERO);
    expand_map(s, &vmm->program.maps, (struct kind_map){VMM_MAP_LINE, "%.line0", "rw"});
    return images;
}

static void add_serial_port(struct scope *s)
{
    struct plan_server *server = expand_server(s, KIND_CONSOLE, "{}");
    expand_console(s, s->vm, server,
                   (struct console_end){CONSOLE_SLOT_TERMINAL, CONSOLE_BIT_INPUT, "@.output", "@.input"});
    expand_stand_in(s, server, KIND_CONSOLE, ", \"line\": true");
}

static void add_test_devices(struct scope *s)
{
    struct plan_server *vmm = expand_find_server(s->plan, expand_name(s, "vmm.%"));
    expand_map(s, &vmm->program.maps, (struct kind_map){VMM_MAP_LINE + 0x200000, "%.line1", "rw"});
    expand_stand_in(s, expand_server(s, KIND_TESTDEV, "{}"), KIND_TESTDEV, ", \"line\": true");
    expand_device(s, KIND_TESTPCI, BUS_DEVICES - 1, "{}");
}

void expand_vm(struct scope *s, const struct config_vm *c)
{
    s->vm = c->name.text;
    s->devices = "";
    s->device = BUS_FIRST_DEVICE;
    struct plan_vm *vm = PLAN_ADD(s->plan, &s->plan->vms, struct plan_vm);
    *vm = (struct plan_vm){.name = s->vm,
                           .quota = expand_name(s, "%.quota"),
                           .waits = !c->autostart.number,
                           .panel = expand_name(s, "%.panel"),
                           .signal = expand_name(s, "vmm.%.bits"),
                           .badge = VMM_BIT_PANEL};
    expand_object(s, MANIFEST_QUOTA, "%.quota", NULL)->quota = vm_quota(c);
    expand_account(s, "%.account", "%.quota", c->weight.number);
    add_memory(s, c, vm);
    const char *images = add_monitor(s, c);
    if (c->console.number)
        add_serial_port(s);
    if (c->test_devices.number)
        add_test_devices(s);
    expand_disks(s, c);
    expand_nets(s, c);
    expand_ports(s, c);
    expand_rng(s, c);
    expand_set_text(expand_find_object(s->plan, expand_name(s, "vmm.%.config")),
                    monitor_config(s, c, images));
    add_machine(s, c);
}
