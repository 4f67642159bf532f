// Channels to the host's disk: both ends find the same things, and neither has more than its own
// SPDX-License-Identifier: MIT
//
// LINK: libipc/json.c servers/init/manifest.c servers/init/manifest_objects.c
// LINK: servers/init/manifest_servers.c tools/arena.c tools/expand_disk_host.c
// LINK: tools/expand_host.c tools/expand_rows.c tools/kinds.c tools/manifest.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/proto/layout.h"
#include "servers/init/manifest.h"
#include "tools/expand_parts.h"
#include "tools/manifest.h"

static struct arena arena;
static struct plan plan;
static struct manifest m;
static char *text;
static const struct manifest_server *driver, *second;

static void add_client(struct scope *s, const char *vm, const char *partition)
{
    s->vm = vm;
    expand_object(s, MANIFEST_QUOTA, "%.quota", NULL)->quota = 1;
    expand_account(s, "%.account", "%.quota", 100);
    expand_object(s, MANIFEST_NOTIFICATION, "vmm.%.bits", NULL);
    expand_channel(s, expand_server(s, KIND_TESTDEV, "{}"), partition);
}

// Two clients, that do not matter otherwise.
static int make(void **state)
{
    (void)state;
    struct scope s = {.plan = &plan, .disk_driver = KIND_VIRTIO_BLK};
    char error[JSON_ERROR_MAX];
    size_t bytes;
    plan = (struct plan){.arena = &arena, .name = "x", .log = "info", .poll_us = 1, .cpu_us = 1};
    expand_object(&s, MANIFEST_NOTIFICATION, "terminal.bits", NULL); // what every plan has
    expand_memory(&s, "rams", NULL, PAGE, FILL_ZERO);
    plan.rams.memory = "rams";
    plan.rams.signal = "terminal.bits";
    add_client(&s, "a", "a.root");
    add_client(&s, "b", "shared");
    expand_disk_driver(&s);
    // The VMs themselves are not part of this.
    PLAN_EACH(struct plan_server, server, &plan.servers)
    server->vm = NULL;
    FILE *to = open_memstream(&text, &bytes);
    manifest_write(&plan, to);
    fclose(to);
    if (!manifest_read(&m, text, bytes, error))
        fail_msg("%s", error);
    assert_int_equal(m.server_count, 3);
    driver = &m.server[2];
    second = &m.server[1];
    return 0;
}

static int drop(void **state)
{
    (void)state;
    manifest_free(&m);
    arena_free(&arena);
    free(text);
    return 0;
}

// Index of the object that a program finds there.
static uint16_t mapped(const struct manifest_program *p, uint64_t address)
{
    for (uint32_t i = 0; i < p->maps.count; i++)
        if (p->maps.map[i].address == address)
            return p->maps.map[i].memory;
    return MANIFEST_NONE;
}

static const struct manifest_cap *cap(const struct manifest_program *p, uint32_t slot)
{
    for (uint32_t i = 0; i < p->cap_count; i++)
        if (p->cap[i].slot == slot)
            return &p->cap[i];
    return NULL;
}

static bool is_named(uint16_t object, const char *name)
{
    return object < m.object_count && json_is(m.object[object].name, name);
}

static void both_ends(void **state)
{
    (void)state;
    const struct manifest_program *d = &driver->program, *c = &second->program;
    uint64_t at = 0x200000;
    assert_true(is_named(mapped(d, DRIVER_MAP_CHANNEL + at), "testdev.b.channel"));
    assert_true(is_named(mapped(d, DRIVER_MAP_BUFFER + at), "testdev.b.buffer"));
    assert_int_equal(mapped(c, DEVICE_MAP_CHANNEL), mapped(d, DRIVER_MAP_CHANNEL + at));
    assert_int_equal(mapped(c, DEVICE_MAP_BUFFER), mapped(d, DRIVER_MAP_BUFFER + at));
    assert_int_equal(mapped(d, DRIVER_MAP_CHANNEL + 2 * at), MANIFEST_NONE);
    assert_true(is_named(cap(c, DEVICE_SLOT_PEER)->object, "virtio-blk.bits"));
    assert_true(cap(c, DEVICE_SLOT_PEER)->badge == DRIVER_BIT_CHANNEL(1));
    assert_true(is_named(cap(d, DRIVER_SLOT_CLIENT + 1)->object, "testdev.b.bits"));
    assert_true(cap(d, DRIVER_SLOT_CLIENT + 1)->badge == DEVICE_BIT_PEER);
    assert_int_equal(cap(d, DRIVER_SLOT_BUFFER + 1)->object, mapped(c, DEVICE_MAP_BUFFER));
    assert_int_equal(cap(d, DRIVER_SLOT_BUFFER + 1)->rights, RIGHT_READ | RIGHT_WRITE);
    // They stay when the VM goes.
    assert_int_equal(m.object[mapped(c, DEVICE_MAP_BUFFER)].payer, MANIFEST_NONE);
    assert_int_equal(m.object[mapped(c, DEVICE_MAP_CHANNEL)].payer, MANIFEST_NONE);
    const struct manifest_object *config = &m.object[mapped(d, MAP_CONFIG)];
    assert_true(json_is(config->memory.content, "{\"channels\": [\"a.root\", \"shared\"]}"));
}

static void its_device(void **state)
{
    (void)state;
    const struct manifest_program *d = &driver->program;
    uint16_t device = cap(d, DRIVER_SLOT_DEVICE)->object, registers = mapped(d, VIRTIO_DRIVER_MAP_BAR);
    assert_int_equal(m.object[device].function.id, 0x10421af4);
    assert_true(m.object[device].function.optional);
    assert_int_equal(m.object[cap(d, DRIVER_SLOT_IRQ)->object].device, device);
    assert_int_equal(m.object[registers].device, device);
    assert_int_equal(m.object[registers].memory.fill, FILL_BAR);
    assert_int_equal(m.object[registers].memory.bar, VIRTIO_DRIVER_BAR);
    assert_int_equal(cap(d, DRIVER_SLOT_DMA)->object, mapped(d, DRIVER_MAP_DMA));
    assert_int_equal(m.object[mapped(d, DRIVER_MAP_DMA)].memory.pages, VIRTIO_BLK_DMA_PAGES);
}

// It touches no hardware and no pages.
static void stand_in(void **state)
{
    (void)state;
    const struct manifest_program *f = &driver->failed;
    assert_true(json_is(f->image, "failed"));
    assert_int_equal(mapped(f, DRIVER_MAP_CHANNEL), mapped(&driver->program, DRIVER_MAP_CHANNEL));
    assert_int_equal(mapped(f, DRIVER_MAP_BUFFER), MANIFEST_NONE);
    assert_int_equal(mapped(f, DRIVER_MAP_DMA), MANIFEST_NONE);
    assert_null(cap(f, DRIVER_SLOT_DEVICE));
    assert_null(cap(f, DRIVER_SLOT_IRQ));
    assert_non_null(cap(f, DRIVER_SLOT_CLIENT + 1));
    assert_true(json_is(m.object[mapped(f, MAP_CONFIG)].memory.content, "{\"state\": 0, \"channels\": 2}"));
}

static void nobody(void **state)
{
    (void)state;
    struct plan empty = {.arena = &arena};
    struct scope s = {.plan = &empty, .disk_driver = KIND_VIRTIO_BLK};
    expand_disk_driver(&s);
    assert_int_equal(empty.servers.count + empty.objects.count, 0);
}

// The other driver: exactly the ports and interrupts of two channels.
static void ata(void **state)
{
    (void)state;
    static const uint16_t ports[][2] = {{0x1f0, 0x1f7}, {0x3f6, 0x3f6}, {0x170, 0x177}, {0x376, 0x376}};
    struct plan p = {.arena = &arena};
    struct scope s = {.plan = &p, .disk_driver = KIND_ATA};
    add_client(&s, "a", "a.root");
    expand_disk_driver(&s);
    const struct plan_server *server = expand_find_server(&p, "ata");
    assert_string_equal(server->program.image, "drivers/ata");
    assert_string_equal(server->failed.image, "failed");
    unsigned irqs = 0, ranges = 0;
    PLAN_EACH(struct plan_cap, c, &server->program.caps)
    {
        const struct plan_object *o = expand_find_object(&p, c->object);
        if (o && o->type == MANIFEST_IRQ)
            assert_int_equal(o->irq.gsi, 14 + irqs++);
        if (!o || o->type != MANIFEST_IOPORTS)
            continue;
        assert_int_equal(o->ioports.first, ports[ranges][0]);
        assert_int_equal(o->ioports.last, ports[ranges++][1]);
    }
    assert_int_equal(irqs, 2);
    assert_int_equal(ranges, 4);
    assert_null(expand_find_object(&p, "ata.device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ends), cmocka_unit_test(its_device),
                                       cmocka_unit_test(stand_in), cmocka_unit_test(nobody),
                                       cmocka_unit_test(ata)};
    return cmocka_run_group_tests_name("channels to the host's disk", tests, make, drop);
}
