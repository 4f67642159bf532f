// The driver of the host's disk, and its channels to who keeps data there.
// SPDX-License-Identifier: MIT
//
// A channel and its pages are init's: the driver has them still, and the device perhaps a request, when the
// VM whose disk it is was destroyed. The driver gets exactly its function, interrupt, registers and DMA
// memory; what stands in for it gets the channels alone.
#include "libipc/proto/block.h"
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { WINDOW = 0x200000, VIRTIO_BLOCK = 2, ATA_PORTS = 8 };

struct host_channel {
    const char *client, *partition;
};

void expand_channel(struct scope *s, struct plan_server *server, const char *partition)
{
    unsigned number = (unsigned)s->channels.count;
    const char *bits = arena_format(s->plan->arena, "%s.bits", kinds[s->disk_driver].name);
    s->server = server->name;
    *PLAN_ADD(s->plan, &s->channels, struct host_channel) = (struct host_channel){server->name, partition};
    expand_memory(s, "@.channel", NULL, sizeof(struct block_channel), FILL_ZERO);
    expand_memory(s, "@.buffer", NULL, BLOCK_PAGES * BLOCK_PAGE, FILL_ZERO);
    expand_cap(s, &server->program,
               (struct kind_cap){DEVICE_SLOT_PEER, bits, "s", DRIVER_BIT_CHANNEL(number)});
    expand_map(s, &server->program.maps, (struct kind_map){DEVICE_MAP_CHANNEL, "@.channel", "rw"});
    expand_map(s, &server->program.maps, (struct kind_map){DEVICE_MAP_BUFFER, "@.buffer", "rw"});
}

static const char *driver_config(const struct scope *s)
{
    const char *all = "";
    PLAN_EACH(struct host_channel, c, &s->channels)
    all = arena_format(s->plan->arena, "%s%s\"%s\"", all, *all ? ", " : "", c->partition);
    return arena_format(s->plan->arena, "{\"channels\": [%s]}", all);
}

static void add_channels(struct scope *s, struct plan_server *driver)
{
    uint32_t n = 0;
    PLAN_EACH(struct host_channel, c, &s->channels)
    {
        s->server = c->client;
        expand_cap(s, &driver->program,
                   (struct kind_cap){DRIVER_SLOT_CLIENT + n, "@.bits", "s", DEVICE_BIT_PEER});
        expand_cap(s, &driver->program, (struct kind_cap){DRIVER_SLOT_BUFFER + n, "@.buffer", "rw", 0});
        expand_cap(s, &driver->failed,
                   (struct kind_cap){DRIVER_SLOT_CLIENT + n, "@.bits", "s", DEVICE_BIT_PEER});
        uint64_t at = n++ * (uint64_t)WINDOW;
        expand_map(s, &driver->program.maps, (struct kind_map){DRIVER_MAP_CHANNEL + at, "@.channel", "rw"});
        expand_map(s, &driver->program.maps, (struct kind_map){DRIVER_MAP_BUFFER + at, "@.buffer", "rw"});
        expand_map(s, &driver->failed.maps, (struct kind_map){DRIVER_MAP_CHANNEL + at, "@.channel", "rw"});
    }
}

static void add_ata_channel(const struct scope *s, const char *number, uint64_t gsi, uint16_t ports,
                            uint16_t control)
{
    const char *irq = arena_format(s->plan->arena, "@.irq%s", number);
    struct plan_object *o = expand_object(s, MANIFEST_IRQ, irq, NULL);
    o->irq.gsi = gsi;
    o = expand_object(s, MANIFEST_IOPORTS, arena_format(s->plan->arena, "@.ports%s", number), NULL);
    o->ioports.first = ports;
    o->ioports.last = ports + ATA_PORTS - 1u;
    o = expand_object(s, MANIFEST_IOPORTS, arena_format(s->plan->arena, "@.control%s", number), NULL);
    o->ioports.first = o->ioports.last = control;
}

// A machine without it goes on; who keeps data there gets errors.
static void add_hardware(const struct scope *s)
{
    if (s->disk_driver == KIND_VIRTIO_BLK) {
        expand_virtio_function(s, VIRTIO_BLOCK);
        return;
    }
    add_ata_channel(s, "0", 14, 0x1f0, 0x3f6);
    add_ata_channel(s, "1", 15, 0x170, 0x376);
}

void expand_disk_driver(struct scope *s)
{
    if (!s->channels.count)
        return;
    struct plan_server *driver = expand_server(s, s->disk_driver, driver_config(s));
    add_hardware(s);
    expand_stand_in(s, driver, s->disk_driver,
                    arena_format(s->plan->arena, ", \"channels\": %zu", s->channels.count));
    add_channels(s, driver);
}
