// A disk of a VM: a virtio block device.
// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "libipc/gpt.h"
#include "libipc/log.h"
#include "libipc/proto/disk.h"
#include "libipc/proto/layout.h"
#include "servers/common/virtio_server.h"
#include "servers/disk/blk.h"
#include "servers/disk/partition.h"
#include "servers/disk/ram.h"

const char program_name[] = "disk";

enum { KIND = 0x6b736964, VERSION = 1 };

static struct {
    uint64_t size, base, base_sum, space, queues;
    uint32_t store; // enum disk_store
    struct json_text serial, partition;
} config = {.queues = 1};

static const struct json_field fields[] = {
    {.key = "size", .offset = offsetof(typeof(config), size), .kind = JSON_NUMBER},
    {.key = "base", .offset = offsetof(typeof(config), base), .kind = JSON_NUMBER},
    {.key = "space", .offset = offsetof(typeof(config), space), .kind = JSON_NUMBER},
    {.key = "queues",
     .offset = offsetof(typeof(config), queues),
     .kind = JSON_NUMBER,
     .least = 1,
     .most = DISK_QUEUES_MAX},
    {.key = "store",
     .offset = offsetof(typeof(config), store),
     .kind = JSON_CHOICE,
     .names = disk_store_names},
    {.key = "base_sum", .offset = offsetof(typeof(config), base_sum), .kind = JSON_NUMBER},
    {.key = "partition", .offset = offsetof(typeof(config), partition), .kind = JSON_TEXT},
    {.key = "serial", .offset = offsetof(typeof(config), serial), .kind = JSON_TEXT},
};

static struct disk disk;
static struct ram ram;
static struct partition partition;
static struct virtio_server server = {.virtio.kind = &disk.kind,
                                      .state_kind = KIND,
                                      .version = VERSION,
                                      .device_bytes = sizeof(struct disk_state)};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void tell_full(void *who)
{
    (void)who;
    log_error("%llu KiB of space are full: what the guest writes elsewhere fails",
              (unsigned long long)config.space >> 10);
}

static void open_ram(void)
{
    const struct ram_plan plan = {
        .bytes = config.size,
        .base = config.base ? (const uint8_t *)DISK_MAP_BASE : NULL,
        .base_bytes = config.base,
        .data = config.store == DISK_STORE_NONE ? NULL : (uint8_t *)DISK_MAP_DATA,
        .space = config.space,
        .full = tell_full,
    };
    if (!ram_open(&ram, &plan))
        die("the map of written blocks is damaged");
}

static void open_partition(void)
{
    static char name[GPT_NAME_UNITS + 1];
    memcpy(name, config.partition.at, least(config.partition.length, sizeof name - 1));
    const struct partition_plan plan = {
        .name = name,
        .size = config.size,
        .has_base = config.base,
        .overlay = {.size = config.size,
                    .base = (const uint8_t *)DISK_MAP_BASE,
                    .base_bytes = config.base,
                    .base_sum = config.base_sum},
        .memory = (uint8_t *)DISK_MAP_DATA,
    };
    partition_open(&partition, &plan, (struct block_channel *)DEVICE_MAP_CHANNEL,
                   (uint8_t *)DEVICE_MAP_BUFFER);
}

static bool in_partition(void)
{
    return config.store == DISK_STORE_PARTITION;
}

static void prepare(void)
{
    struct disk_plan plan = {
        .sectors = config.size / BLK_SECTOR,
        .read_only = config.store == DISK_STORE_NONE,
        .volatile_writes = in_partition(),
        .queues = (uint16_t)config.queues,
        .requests = in_partition() ? BLOCK_REQUESTS : 1,
    };
    memcpy(plan.serial, config.serial.at, least(config.serial.length, DISK_SERIAL_MAX));
    struct disk_request *requests = calloc(plan.requests, sizeof *requests);
    if (!requests)
        die("no memory for %u requests", plan.requests);
    disk_prepare(&disk, &plan, requests);
}

static void peer(struct virtio_server *s)
{
    if (!disk.backend->ops->stir)
        return;
    disk.backend->ops->stir(disk.backend);
    virtio_serve_all(&s->virtio);
}

static void publish(struct virtio_server *s)
{
    (void)s;
    if (!partition.channel.tell)
        return;
    partition.channel.tell = false;
    (void)!sys_signal(DEVICE_SLOT_PEER); // notifications outlive their servers
}

int main(void)
{
    virtio_server_configure(&server, JSON_FIELDS(fields), &config);
    prepare();
    server.peer = peer;
    server.publish = publish;
    virtio_server_open(&server);
    if (in_partition())
        open_partition();
    else
        open_ram();
    disk_open(&disk, &server.virtio, in_partition() ? &partition.backend : &ram.backend, server.device);
    virtio_server_run(&server);
}
