// A configuration becomes a manifest that init accepts, and in which every VM has what it needs
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c servers/init/manifest.c servers/init/manifest_objects.c
// LINK: servers/init/manifest_change.c servers/init/manifest_servers.c
// LINK: tools/arena.c tools/check.c tools/config.c tools/expand.c tools/expand_part.c
// LINK: tools/check_disk.c tools/expand_control.c tools/expand_devices.c tools/expand_disk.c
// LINK: tools/check_net.c tools/expand_net.c
// LINK: tools/expand_disk_host.c tools/expand_host.c tools/expand_ports.c tools/expand_rng.c
// LINK: tools/expand_rows.c
// LINK: tools/expand_terminal.c tools/expand_vm.c tools/file.c tools/guest_image.c
// LINK: tools/json_text.c tools/kinds.c tools/manifest.c tools/report.c tools/schema.c -lyaml
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libipc/proto/bus.h"
#include "libipc/proto/layout.h"
#include "libipc/proto/memory.h"
#include "libipc/proto/terminal.h"
#include "servers/init/manifest.h"
#include "tools/config.h"
#include "tools/expand.h"
#include "tools/manifest.h"

#define GIB (UINT64_C(1) << 30)

struct fixture {
    struct arena arena;
    char *text;
    size_t bytes;
    struct manifest m;
};

static char folder[] = "/tmp/test_expand.XXXXXX";

static void write_file(const char *name, const char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(text, 1, size, f);
    fclose(f);
}

static int make_folder(void **state)
{
    (void)state;
    static const struct {
        Elf32_Ehdr elf;
        uint32_t multiboot[3];
    } kernel = {{.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB}, .e_machine = EM_386},
                {0x1badb002, 0, 0u - 0x1badb002}};
    if (!mkdtemp(folder))
        return -1;
    write_file("kernel", (const char *)&kernel, sizeof kernel);
    write_file("initrd", "disk", 4);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"kernel", "initrd", "c.yaml"};
    char path[64];
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void make(struct fixture *f, const char *yaml)
{
    struct report r = {.to = stderr};
    struct config config;
    struct plan plan;
    char path[64], error[JSON_ERROR_MAX];
    *f = (struct fixture){0};
    write_file("c.yaml", yaml, strlen(yaml));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    assert_true(config_read(&f->arena, &r, path, &config));
    assert_true(expand(&f->arena, &r, &config, &plan));
    FILE *to = open_memstream(&f->text, &f->bytes);
    manifest_write(&plan, to);
    fclose(to);
    if (!manifest_read(&f->m, f->text, f->bytes, error))
        fail_msg("%s", error);
}

static void drop(struct fixture *f)
{
    manifest_free(&f->m);
    arena_free(&f->arena);
    free(f->text);
}

static const struct manifest_object *object(const struct fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->m.object_count; i++)
        if (json_is(f->m.object[i].name, name))
            return &f->m.object[i];
    fail_msg("there is no object %s", name);
    return NULL;
}

static const struct manifest_server *server(const struct fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->m.server_count; i++)
        if (json_is(f->m.server[i].name, name))
            return &f->m.server[i];
    return NULL;
}

static const char *mapped(const struct fixture *f, const struct manifest_maps *maps, uint64_t address)
{
    static char name[MANIFEST_NAME_MAX + 1];
    name[0] = 0;
    for (uint32_t i = 0; i < maps->count; i++)
        if (maps->map[i].address == address && maps->map[i].memory < BUILTIN_FIRST) {
            struct json_text t = f->m.object[maps->map[i].memory].name;
            snprintf(name, sizeof name, "%.*s", (int)t.length, t.at);
        }
    return name;
}

#define VM(name, more) "  - {name: " name ", kernel: kernel, " more "}\n"

static void one_vm(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, initrd: initrd, cmdline: 'say \"hi\"'"));
    assert_int_equal(f.m.server_count, 7);
    assert_true(json_is(f.m.server[f.m.control.server].name, "control"));
    assert_true(json_is(f.m.object[f.m.control.signal].name, "control.bits"));
    assert_false(f.m.keep);
    assert_true(f.m.vm[0].autostart);
    assert_int_equal(object(&f, "a.ram")->memory.pages, 16384);
    assert_int_equal(object(&f, "a.ram")->memory.badge, 1);
    assert_string_equal(mapped(&f, &server(&f, "vmm.a")->program.maps, VMM_MAP_RAM), "a.ram");
    assert_string_equal(mapped(&f, &server(&f, "vmm.a")->program.maps, VMM_MAP_INITRD), "a.initrd");
    assert_string_equal(mapped(&f, &server(&f, "memory")->program.maps, MEMORY_MAP_RAM), "a.ram");
    assert_string_equal(mapped(&f, &server(&f, "console.a")->program.maps, CONSOLE_MAP_LINE), "a.line0");
    assert_string_equal(mapped(&f, &server(&f, "vmm.a")->program.maps, VMM_MAP_LINE), "a.line0");
    assert_int_equal(object(&f, "a.vm")->vm.route[0].first, 0x3f8);
    struct json_text config = object(&f, "vmm.a.config")->memory.content;
    assert_non_null(memmem(config.at, config.length, "\"say \\\"hi\\\"\"", 12));
    drop(&f);
}

// Memory above the hole is another object, at 4 GiB in the guest and in the monitor.
static void large_memory(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 8G") VM("b", "memory: 3G"));
    assert_int_equal(object(&f, "a.ram")->memory.pages, 3 * GIB / 4096);
    assert_int_equal(object(&f, "a.ram-high")->memory.pages, 5 * GIB / 4096);
    assert_string_equal(mapped(&f, &object(&f, "a.space")->space.maps, 4 * GIB), "a.ram-high");
    assert_string_equal(mapped(&f, &server(&f, "vmm.a")->program.maps, VMM_MAP_RAM + 4 * GIB), "a.ram-high");
    assert_int_equal(object(&f, "b.ram")->memory.badge, 3);
    assert_string_equal(
        mapped(&f, &server(&f, "memory")->program.maps, MEMORY_MAP_RAM + 2 * MANIFEST_RAM_STRIDE), "b.ram");
    assert_int_equal(object(&f, "b.space")->space.maps.count, 1);
    assert_int_equal(f.m.vm[0].memory_count, 2);
    drop(&f);
}

static const struct manifest_cap *cap(const struct manifest_program *p, uint32_t slot)
{
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].slot == slot)
            return &p->cap[i];
    fail_msg("slot %u is empty", slot);
    return NULL;
}

static bool is_named(const struct fixture *f, uint64_t entry, const char *text)
{
    const struct manifest_object *names = object(f, "terminal.names");
    for (uint32_t i = 0; i < names->memory.name_count; i++)
        if (names->memory.name[i].entry == entry)
            return json_is(names->memory.name[i].text, text);
    return false;
}

// A VM that shall have no serial port has none.
static void no_console(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\ncontrol: false\nkeep: true\nvms:\n" VM(
                 "a", "memory: 64M, console: false, autostart: false"));
    assert_null(server(&f, "console.a"));
    assert_null(server(&f, "control"));
    assert_int_equal(f.m.control.server, MANIFEST_NONE);
    assert_true(f.m.keep);
    assert_false(f.m.vm[0].autostart);
    assert_int_equal(f.m.server_count, 4);
    assert_int_equal(object(&f, "a.vm")->vm.count, 0);
    assert_false(is_named(&f, 0, "a"));
    drop(&f);
}

// Each console has windows, a slot, a bit and an entry by its number; so have logs.
static void consoles_and_logs(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M") VM("b", "memory: 64M, console: false")
                 VM("c", "memory: 64M"));
    const struct manifest_program *t = &server(&f, "terminal")->program;
    assert_true(is_named(&f, 0, "a") && is_named(&f, 1, "c") && !is_named(&f, 2, "b"));
    assert_string_equal(mapped(&f, &t->maps, TERMINAL_MAP_CONSOLES + 0x400000), "console.c.output");
    assert_string_equal(mapped(&f, &t->maps, TERMINAL_MAP_CONSOLES + 0x600000), "console.c.input");
    assert_true(json_is(f.m.object[cap(t, TERMINAL_SLOT_CONSOLE + 1)->object].name, "console.c.bits"));
    assert_int_equal(cap(&server(&f, "console.c")->program, CONSOLE_SLOT_TERMINAL)->badge,
                     TERMINAL_BIT_CONSOLE(1));
    assert_true(is_named(&f, TERMINAL_CONSOLES_MAX, "init"));
    for (uint32_t i = 0; i < f.m.server_count; i++) {
        char log[64];
        struct json_text name = f.m.server[i].name;
        snprintf(log, sizeof log, "%.*s.log", (int)name.length, name.at);
        assert_string_equal(mapped(&f, &t->maps, TERMINAL_MAP_LOGS + (i + 1) * 0x200000), log);
    }
    drop(&f);
}

// A port is a console whose ends its device server has.
static void ports(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, ports: [con, data]"));
    const struct manifest_program *t = &server(&f, "terminal")->program, *p = &server(&f, "ports.a")->program;
    assert_true(is_named(&f, 1, "a.con") && is_named(&f, 2, "a.data"));
    assert_string_equal(mapped(&f, &t->maps, TERMINAL_MAP_CONSOLES + 0x800000), "ports.a.output1");
    assert_string_equal(mapped(&f, &p->maps, PORTS_MAP_PORTS + 0x400000), "ports.a.output1");
    assert_string_equal(mapped(&f, &p->maps, PORTS_MAP_PORTS + 0x600000), "ports.a.input1");
    assert_int_equal(cap(p, PORTS_SLOT_PORT + 1)->badge, TERMINAL_BIT_CONSOLE(2));
    assert_int_equal(cap(t, TERMINAL_SLOT_CONSOLE + 2)->badge, DEVICE_BIT_PEER);
    drop(&f);
}

// No process but `memory` maps the memory of two VMs, and none that of another VM.
static void memory_is_apart(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 8G") VM("b", "memory: 64M"));
    for (uint32_t s = 0; s < f.m.server_count; s++) {
        const struct manifest_server *m = &f.m.server[s];
        for (uint32_t i = 0; i < m->program.maps.count && !json_is(m->name, "memory"); i++)
            for (uint32_t v = 0; v < f.m.vm_count; v++)
                for (uint32_t k = 0; k < f.m.vm[v].memory_count; k++)
                    assert_false(m->program.maps.map[i].memory == f.m.vm[v].memory[k] && m->vm != v);
    }
    drop(&f);
}

static bool may(const struct manifest_program *p, const struct manifest_cap *cap)
{
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].object == cap->object && !(cap->rights & ~p->cap[i].rights))
            return true;
    return false;
}

static bool maps(const struct manifest_program *p, const struct manifest_map *map)
{
    for (uint32_t i = 0; i < p->maps.count; i++)
        if (p->maps.map[i].memory == map->memory && !(map->rights & ~p->maps.map[i].rights))
            return true;
    return false;
}

// What stands in for a server has its endpoint, and no right that the server lacks but to its configuration.
static void stand_ins_have_less(void **state)
{
    (void)state;
    struct fixture f;
    unsigned count = 0;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, test_devices: true"));
    for (uint32_t s = 0; s < f.m.server_count; s++) {
        const struct manifest_server *m = &f.m.server[s];
        if (!m->failed.image.length)
            continue;
        count++;
        for (uint32_t i = 0; i < m->failed.cap_count; i++)
            assert_true(may(&m->program, &m->failed.cap[i]));
        for (uint32_t i = 0; i < m->failed.maps.count; i++)
            assert_true(maps(&m->program, &m->failed.maps.map[i]) ||
                        m->failed.maps.map[i].address == MAP_CONFIG);
        assert_string_equal(mapped(&f, &m->failed.maps, MAP_LOG), mapped(&f, &m->program.maps, MAP_LOG));
    }
    assert_int_equal(count,
                     5); // uart, terminal, console, testdev, testpci: guests cannot do without the others
    drop(&f);
}

static bool says(struct json_text text, const char *what)
{
    return memmem(text.at, text.length, what, strlen(what));
}

static bool same_file(struct fixture *f, const char *a, const char *b)
{
    struct json_text x = object(f, a)->memory.content, y = object(f, b)->memory.content;
    return says(x, "guest/") && x.length == y.length && memcmp(x.at, y.at, x.length) == 0;
}

// A NIC is a device of its VM and a port of the switch; groups, VLANs and limits are the port's rules.
static void nets(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a",
                                  "memory: 64M, nets: [{name: n1}, {name: n2, group: g, vlan: 7, frames: 9}]")
                 VM("b", "memory: 64M, nets: [{name: n1, mac: '02:00:00:00:00:01', vlans: '3,5-9'}]"));
    const struct manifest_program *s = &server(&f, "switch")->program, *n = &server(&f, "net.b.n1")->program;
    assert_string_equal(mapped(&f, &s->maps, SWITCH_MAP_PORT + 0x200000), "net.a.n2.port");
    assert_string_equal(mapped(&f, &s->maps, SWITCH_MAP_RULES + 0x400000), "net.b.n1.rules");
    assert_string_equal(mapped(&f, &n->maps, DEVICE_MAP_PORT), "net.b.n1.port");
    assert_int_equal(cap(n, DEVICE_SLOT_PEER)->badge, SWITCH_BIT_PORT(2));
    assert_int_equal(cap(s, SWITCH_SLOT_PORT + 2)->badge, DEVICE_BIT_PEER);
    assert_true(says(object(&f, "net.b.n1.rules")->memory.content,
                     "{\"groups\": \"0x1\", \"address\": 2199023255553, \"check\": true, \"vlan\": 0, "
                     "\"vlans\": [3, 3, 5, 9]}"));
    struct json_text limited = object(&f, "net.a.n2.rules")->memory.content;
    assert_true(says(limited, "\"groups\": \"0x2\""));
    assert_true(says(limited, "\"vlan\": 7, \"vlans\": [], \"frames\": 9, \"frames_burst\": 64"));
    drop(&f);
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M"));
    for (uint32_t i = 0; i < f.m.server_count; i++)
        assert_false(json_is(f.m.server[i].name, "switch")); // nobody needs it
    drop(&f);
}

// A file that two VMs have is in the archive once; each monitor names its own entry to the pager.
static void images_are_shared(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 8G, initrd: initrd") VM("b", "memory: 64M, initrd: initrd"));
    assert_int_equal(f.m.vm[1].image_count, 2);
    assert_true(json_is(f.m.object[f.m.vm[1].images[1]].name, "b.initrd"));
    assert_true(same_file(&f, "a.initrd", "b.initrd"));
    assert_true(says(object(&f, "vmm.b.config")->memory.content, "\"number\": 1}"));
    const struct manifest_program *m = &server(&f, "vmm.b")->program;
    uint32_t i = 0;
    while (i < m->cap_count && m->cap[i].slot != VMM_SLOT_MEMORY)
        i++;
    assert_true(i < m->cap_count && m->cap[i].badge == MEMORY_BADGE_MONITOR + 2 &&
                m->cap[i].rights == RIGHT_SEND);
    drop(&f);
}

// What is in use of the manifest, in numbers.
static uint64_t census(const struct manifest *m)
{
    uint64_t sum = m->drain_count;
    for (uint32_t i = 0; i < m->object_count; i++) {
        const struct manifest_object *o = &m->object[i];
        bool table = o->type == MANIFEST_MEMORY && o->memory.fill == FILL_NAMES;
        sum += o->type == MANIFEST_FREE ? 0 : 1000000 + (table ? o->memory.name_count : 0);
    }
    for (uint32_t i = 0; i < m->server_count; i++)
        sum += 1000 * (m->server[i].program.cap_count + m->server[i].program.maps.count);
    return sum;
}

// A VM of a configuration is added to a machine that runs, removed, and added again.
static void part(void **state)
{
    (void)state;
    static const char yaml[] = "name: x\nvms:\n" VM("a", "memory: 64M, console: true")
        VM("b", "memory: 8G, console: true, initrd: initrd");
    const struct expand_numbers numbers = {.vm = "b", .memory = 5, .console = 3, .log = 20};
    struct report r = {.to = stderr};
    struct fixture f;
    struct config config;
    struct plan plan;
    char path[64], error[JSON_ERROR_MAX], *text = NULL;
    size_t bytes;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, console: true"));
    write_file("c.yaml", yaml, strlen(yaml));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    assert_true(config_read(&f.arena, &r, path, &config));
    assert_true(expand_part(&f.arena, &r, &config, &numbers, &plan));
    FILE *to = open_memstream(&text, &bytes);
    manifest_write_part(&plan, to);
    fclose(to);
    assert_true(bytes < 64 << 10);
    manifest_settle(&f.m);
    uint64_t before = census(&f.m);
    for (unsigned turn = 0; turn < 3; turn++) {
        if (!manifest_add(&f.m, text, bytes, error))
            fail_msg("%s", error);
        manifest_settle(&f.m);
        assert_false(manifest_add(&f.m, text, bytes, error)); // it is there
        uint16_t vm = server(&f, "vmm.b")->vm;
        assert_int_equal(object(&f, "b.ram-high")->memory.badge, 7);
        assert_string_equal(
            mapped(&f, &server(&f, "memory")->program.maps, MEMORY_MAP_RAM + 6 * MANIFEST_RAM_STRIDE),
            "b.ram-high");
        assert_string_equal(
            mapped(&f, &server(&f, "terminal")->program.maps, TERMINAL_MAP_LOGS + 20 * UINT64_C(0x200000)),
            "vmm.b.log");
        assert_true(same_file(&f, "a.kernel", "b.kernel"));
        assert_true(census(&f.m) > before);
        manifest_remove_vm(&f.m, vm);
        assert_int_equal(census(&f.m), before);
        assert_null(server(&f, "vmm.b"));
    }
    FILE *nowhere = fopen("/dev/null", "w");
    assert_false(expand_part(&f.arena, &(struct report){.to = nowhere}, &config,
                             &(struct expand_numbers){.vm = "c"}, &plan));
    fclose(nowhere);
    free(text);
    drop(&f);
}

// A VM that is called as servers of others begin has only what is its own.
static void part_of_a_vm_called_as_a_server(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: x\nvms:\n" VM("a", "memory: 64M, rng: true") VM("rng", "memory: 64M, console: true");
    const struct expand_numbers numbers = {.vm = "rng", .memory = 5, .console = 3, .log = 20};
    struct report r = {.to = stderr};
    struct fixture f;
    struct config config;
    struct plan plan;
    char path[64];
    make(&f, yaml);
    write_file("c.yaml", yaml, strlen(yaml));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    assert_true(config_read(&f.arena, &r, path, &config));
    assert_true(expand_part(&f.arena, &r, &config, &numbers, &plan));
    assert_int_equal(plan.names.count, 3);
    PLAN_EACH(const struct plan_part_name, name, &plan.names)
    assert_string_not_equal(name->name.text, "rng.a");
    drop(&f);
}

static void test_devices_of_a_vm(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM(
                 "a", "memory: 64M, test_devices: true") "faults:\n"
                                                         "  - {server: testpci.a, requests: 7, count: 3}\n");
    assert_true(says(object(&f, "vmm.a.config")->memory.content, "\"devices\": [15]"));
    assert_string_equal(mapped(&f, &server(&f, "vmm.a")->program.maps, VMM_MAP_LINE + 15 * 0x200000),
                        "a.line15");
    const struct manifest_server *device = server(&f, "testpci.a");
    assert_string_equal(mapped(&f, &device->program.maps, DEVICE_MAP_LINE), "a.line15");
    assert_string_equal(mapped(&f, &device->program.maps, DEVICE_MAP_RAM), "a.ram");
    assert_string_equal(mapped(&f, &device->failed.maps, FAILED_MAP_LINE), "a.line15");
    assert_string_equal(mapped(&f, &device->failed.maps, DEVICE_MAP_RAM), "");
    uint32_t i = 0;
    while (device->program.cap[i].slot != DEVICE_SLOT_BUS)
        i++;
    assert_int_equal(device->program.cap[i].badge, BUS_BADGE_DEVICE + 15);
    assert_int_equal(f.m.injection[0].requests, 7);
    assert_int_equal(f.m.injection[0].every_us, 0);
    drop(&f);
}

static bool is_cap(const struct fixture *f, const struct manifest_program *p, uint32_t slot, const char *name,
                   uint64_t badge)
{
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].slot == slot)
            return json_is(f->m.object[p->cap[i].object].name, name) && p->cap[i].badge == badge;
    return false;
}

// Who may need the host's device has a channel to its driver, which outlives the VM.
static void random_numbers(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, rng: rdrand") VM("b", "memory: 64M, rng: true")
                 VM("c", "memory: 64M") VM("d", "memory: 64M, rng: host"));
    const struct manifest_program *driver = &server(&f, "virtio-rng")->program;
    assert_true(json_is(object(&f, "virtio-rng.config")->memory.content, "{\"channels\": 2}"));
    assert_string_equal(mapped(&f, &driver->maps, DRIVER_MAP_CHANNEL), "rng.b.channel");
    assert_string_equal(mapped(&f, &driver->maps, DRIVER_MAP_CHANNEL + 0x200000), "rng.d.channel");
    assert_string_equal(mapped(&f, &server(&f, "rng.d")->program.maps, DEVICE_MAP_CHANNEL), "rng.d.channel");
    assert_string_equal(mapped(&f, &server(&f, "rng.a")->program.maps, DEVICE_MAP_CHANNEL), "");
    assert_null(server(&f, "rng.c"));
    assert_int_equal(object(&f, "rng.d.channel")->payer, MANIFEST_NONE);
    assert_true(says(object(&f, "rng.a.config")->memory.content, "\"rdrand\": true, \"host\": false}"));
    assert_true(says(object(&f, "rng.b.config")->memory.content, "\"rdrand\": true, \"host\": true}"));
    assert_true(says(object(&f, "rng.d.config")->memory.content, "\"rdrand\": false, \"host\": true}"));
    assert_int_equal(object(&f, "virtio-rng.device")->function.id, 0x10441af4);
    drop(&f);
    make(&f, "name: x\nvms:\n" VM("a", "memory: 64M, rng: rdrand"));
    assert_null(server(&f, "virtio-rng"));
    drop(&f);
}

// A port of the switch whose server is the driver of the host's card.
static void uplink(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, "name: x\nuplink: {}\nvms:\n" VM("a", "memory: 64M, rng: true, nets: [{name: n}]")
                 VM("b", "memory: 64M, nets: [{name: n, group: web}]"));
    const struct manifest_program *driver = &server(&f, "virtio-net")->program,
                                  *to = &server(&f, "switch")->program;
    assert_string_equal(mapped(&f, &driver->maps, DRIVER_MAP_CHANNEL), "virtio-net.port");
    assert_string_equal(mapped(&f, &to->maps, SWITCH_MAP_PORT + 2 * UINT64_C(0x200000)), "virtio-net.port");
    assert_string_equal(mapped(&f, &to->maps, SWITCH_MAP_RULES + 2 * UINT64_C(0x200000)), "virtio-net.rules");
    assert_true(is_cap(&f, driver, DRIVER_SLOT_CLIENT, "switch.bits", SWITCH_BIT_PORT(2)));
    assert_true(is_cap(&f, to, SWITCH_SLOT_PORT + 2, "virtio-net.bits", DRIVER_BIT_CHANNEL(0)));
    assert_int_equal(object(&f, "virtio-net.port")->payer, MANIFEST_NONE);
    assert_int_equal(object(&f, "virtio-net.device")->function.id, 0x10411af4);
    assert_true(
        says(object(&f, "virtio-net.rules")->memory.content, "{\"groups\": \"0x3\", \"check\": false"));
    assert_null(server(&f, "virtio-rng")); // its interrupt is the card's
    drop(&f);
    make(&f, "name: x\nuplink: {groups: [web]}\nvms:\n" VM(
                 "a", "memory: 64M, nets: [{name: n}, {name: m, group: web}]"));
    assert_true(says(object(&f, "virtio-net.rules")->memory.content, "{\"groups\": \"0x2\""));
    drop(&f);
}

// Where the host's device cannot be: on a machine without virtio, in a VM that is added.
static void no_random_numbers(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: x\nvms:\n" VM("a", "memory: 64M, rng: true") VM("b", "memory: 64M, rng: host");
    struct arena arena = {0};
    struct config config;
    struct plan plan;
    char path[64], *said = NULL;
    size_t bytes;
    FILE *to = open_memstream(&said, &bytes);
    struct report r = {.to = to};
    write_file("c.yaml", yaml, strlen(yaml));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    assert_true(config_read(&arena, &r, path, &config));
    assert_true(expand_part(&arena, &r, &config, &(struct expand_numbers){.vm = "a"}, &plan));
    assert_false(plan.rng);
    assert_false(expand_part(&arena, &r, &config, &(struct expand_numbers){.vm = "b"}, &plan));
    config.ata = true;
    assert_false(expand(&arena, &r, &config, &plan));
    fclose(to);
    assert_non_null(strstr(said, "c.yaml:4: rng: host, but a VM that is added"));
    assert_non_null(strstr(said, "c.yaml:4: rng: host, expected true or rdrand"));
    free(said);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_vm),
                                       cmocka_unit_test(random_numbers),
                                       cmocka_unit_test(uplink),
                                       cmocka_unit_test(no_random_numbers),
                                       cmocka_unit_test(large_memory),
                                       cmocka_unit_test(no_console),
                                       cmocka_unit_test(consoles_and_logs),
                                       cmocka_unit_test(ports),
                                       cmocka_unit_test(nets),
                                       cmocka_unit_test(memory_is_apart),
                                       cmocka_unit_test(stand_ins_have_less),
                                       cmocka_unit_test(images_are_shared),
                                       cmocka_unit_test(part),
                                       cmocka_unit_test(part_of_a_vm_called_as_a_server),

                                       cmocka_unit_test(test_devices_of_a_vm)};
    return cmocka_run_group_tests_name("expand", tests, make_folder, drop_folder);
}
