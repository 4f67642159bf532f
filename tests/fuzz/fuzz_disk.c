// Fuzzes a disk with a driver that lies in every register, ring and buffer; the device may only need a reset
// SPDX-License-Identifier: MIT
// LINK: servers/disk/blk.c servers/disk/ram.c servers/disk/partition.c servers/disk/channel.c
// LINK: servers/disk/overlay.c servers/common/copy.c
//
// The real device code, its server killed now and then. Whatever the driver did, after a reset and an honest
// beginning the disk works.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/disk_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at, *end;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

// Places in the guest's memory that matter, and the rest.
static uint64_t place(struct input *in)
{
    static const uint64_t places[] = {DISK_RINGS, DISK_RINGS + 0x1000, DISK_RINGS + 0x2000, DISK_HEADERS};
    uint8_t choice = (uint8_t)take(in, 1);
    uint64_t offset = take(in, choice & 0x80 ? 2 : 1);
    return (places[choice & 3] + offset) % (WORLD_RAM - 8);
}

static void write_memory(struct input *in)
{
    uint64_t at = place(in);
    unsigned bytes = 1 + take(in, 1) % 8;
    uint64_t value = take(in, bytes);
    memcpy(world_ram + at, &value, bytes);
}

static void access(struct input *in, bool write)
{
    uint64_t offset = take(in, 2) % (VIRTIO_REGISTER_BYTES + 16);
    uint32_t size = 1u << take(in, 1) % 4;
    if (offset >= 0x40 && offset < 0x1000) // most of it is nothing
        offset &= 0x3f;
    if (write)
        world_write(offset, size, take(in, size));
    else
        (void)world_read(offset, size);
}

static void ask(struct input *in)
{
    uint32_t type = (uint32_t)take(in, 1) % 16;
    uint64_t sector = take(in, 1);
    if (world.driver[0].free_count >= 4)
        (void)disk_ask(0, take(in, 1) % 8, type, sector, (uint32_t)take(in, 2) % DISK_DATA_BYTES);
}

static void act(struct input *in)
{
    switch (take(in, 1) % 10) {
    case 0: access(in, false); break;
    case 1: access(in, true); break;
    case 2:
    case 3: write_memory(in); break;
    case 4:
    case 5: ask(in); break;
    case 6: world_ring(take(in, 1)); break;
    case 7: world_arm(1 + take(in, 1)); break;
    case 8:
        world.page.control = (uint32_t)take(in, 1);
        world_bus();
        break;
    default: disk_run(); break;
    }
}

static void must_work(void)
{
    world_arm(0);
    world.page.resets++;
    world.page.control = BUS_CONTROL_MASTER | BUS_CONTROL_MSIX;
    world_bus();
    disk_run();
    world_drive(0, 1, 64, DISK_RINGS);
    memset(disk_data(0), 0x5c, BLK_SECTOR);
    uint8_t wanted = d.kind == DISK_IMAGE ? BLK_S_IOERR : BLK_S_OK;
    uint8_t got = disk_do(BLK_T_OUT, 0, BLK_SECTOR);
    if (got != wanted && !(d.kind == DISK_OVER_RAM && d.full))
        abort();
    if (disk_do(BLK_T_IN, 8, BLK_SECTOR) != BLK_S_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    uint8_t first = (uint8_t)take(&in, 1);
    disk_begin((enum disk_kind)(first % 5), 1 + (first >> 3) % 2,
               (first & 0x20 ? VIRTIO_F_EVENT_IDX : 0) | (first & 0x40 ? VIRTIO_F_INDIRECT : 0));
    while (in.at < in.end)
        act(&in);
    must_work();
    return 0;
}
