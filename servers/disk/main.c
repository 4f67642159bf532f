// A disk of a VM: a virtio block device.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/log.h"
#include "libipc/proto/disk.h"
#include "libipc/proto/layout.h"
#include "servers/common/virtio_server.h"
#include "servers/disk/blk.h"
#include "servers/disk/ram.h"

const char program_name[] = "disk";

enum { KIND = 0x6b736964, VERSION = 1 };

static struct {
    uint64_t size, base, space, queues;
    uint32_t store; // enum disk_store
    struct json_text serial;
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
    {.key = "serial", .offset = offsetof(typeof(config), serial), .kind = JSON_TEXT},
};

static struct disk disk;
static struct disk_request request;
static struct ram ram;
static struct virtio_server server = {.virtio.kind = &disk.kind,
                                      .state_kind = KIND,
                                      .version = VERSION,
                                      .device_bytes = sizeof(struct disk_state)};

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

static void prepare(void)
{
    struct disk_plan plan = {
        .sectors = config.size / BLK_SECTOR,
        .read_only = config.store == DISK_STORE_NONE,
        .queues = (uint16_t)config.queues,
        .requests = 1,
    };
    memcpy(plan.serial, config.serial.at,
           config.serial.length < DISK_SERIAL_MAX ? config.serial.length : DISK_SERIAL_MAX);
    disk_prepare(&disk, &plan, &request);
}

int main(void)
{
    virtio_server_configure(&server, fields, sizeof fields / sizeof fields[0], &config);
    prepare();
    virtio_server_open(&server);
    open_ram();
    disk_open(&disk, &server.virtio, &ram.backend, server.device);
    virtio_server_run(&server);
}
