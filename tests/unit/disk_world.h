// A disk between a model of a guest's driver and a back-end: memory, or a model of a host's disk.
// SPDX-License-Identifier: MIT
//
// The host's disk keeps what was flushed; of what was written since, a power cut keeps any part. Its driver
// completes requests in any order, and may be dead for a while.
#pragma once

#include "tests/unit/virtio_world.h"

#include "libipc/proto/block.h"
#include "servers/disk/blk.h"
#include "servers/disk/partition.h"
#include "servers/disk/ram.h"

enum {
    DISK_BLOCKS = 24,
    DISK_BYTES = DISK_BLOCKS * DISK_BLOCK,
    DISK_BASE_BYTES = 10 * DISK_BLOCK + 3 * BLK_SECTOR,
    DISK_SPACE_BLOCKS = 6,
    DISK_RINGS = 0x1000,
    DISK_HEADERS = 0x20000, // 64 bytes each: header, status
    DISK_DATA = 0x40000,    // 8 KiB each
    DISK_DATA_BYTES = 2 * DISK_BLOCK,
    DISK_HOST_BLOCKS = DISK_BLOCKS + 4,
    DISK_CACHE = 4096
};

enum disk_kind { DISK_RAM, DISK_IMAGE, DISK_OVER_RAM, DISK_PART, DISK_OVER_PART };

static struct {
    enum disk_kind kind;
    uint16_t queues;
    struct disk disk;
    struct ram ram;
    struct partition part;
    struct disk_request request[BLOCK_REQUESTS];
    _Alignas(4096) uint8_t base[DISK_BASE_BYTES];
    _Alignas(4096) uint8_t memory[DISK_BYTES + 0x10000]; // outlives the server
    // The host's side.
    struct block_channel channel;
    _Alignas(4096) uint8_t buffer[BLOCK_PAGES * BLOCK_PAGE];
    _Alignas(4096) uint8_t media[DISK_HOST_BLOCKS * DISK_BLOCK];   // as it reads
    _Alignas(4096) uint8_t lasting[DISK_HOST_BLOCKS * DISK_BLOCK]; // as it was flushed
    bool driver_dead;
    uint64_t broken; // this sector gives errors; 0: none
    unsigned full;
    uint64_t random;
} d;

static inline uint32_t disk_random(uint32_t below)
{
    d.random ^= d.random << 13;
    d.random ^= d.random >> 7;
    d.random ^= d.random << 17;
    return (uint32_t)(d.random >> 20) % below;
}

static void disk_full(void *who)
{
    (void)who;
    d.full++;
}

static bool disk_in_partition(void)
{
    return d.kind == DISK_PART || d.kind == DISK_OVER_PART;
}

static inline void disk_planned(void)
{
    const struct disk_plan plan = {.sectors = DISK_BYTES / BLK_SECTOR,
                                   .read_only = d.kind == DISK_IMAGE,
                                   .volatile_writes = disk_in_partition(),
                                   .queues = d.queues,
                                   .requests = disk_in_partition() ? BLOCK_REQUESTS : 1,
                                   .serial = "serial"};
    memset(d.request, 0, sizeof d.request);
    disk_prepare(&d.disk, &plan, d.request);
}

// What the server's main does at each start.
static void disk_opened(void)
{
    bool has_base = d.kind != DISK_RAM && d.kind != DISK_PART;
    disk_planned();
    if (disk_in_partition()) {
        const struct partition_plan p = {
            .name = "p",
            .size = DISK_BYTES,
            .has_base = has_base,
            .overlay = {.size = DISK_BYTES, .base = d.base, .base_bytes = DISK_BASE_BYTES, .base_sum = 99},
            .memory = d.memory};
        partition_open(&d.part, &p, &d.channel, d.buffer);
    } else {
        const struct ram_plan p = {.bytes = DISK_BYTES,
                                   .base = has_base ? d.base : NULL,
                                   .base_bytes = has_base ? DISK_BASE_BYTES : 0,
                                   .data = d.kind == DISK_IMAGE ? NULL : d.memory,
                                   .space = DISK_SPACE_BLOCKS * DISK_BLOCK,
                                   .full = disk_full};
        if (!ram_open(&d.ram, &p))
            abort();
    }
    disk_open(&d.disk, &world.v, disk_in_partition() ? &d.part.backend : &d.ram.backend,
              (struct disk_state *)(void *)world.device);
}

static void disk_do_peer(void *unused)
{
    (void)unused;
    if (d.disk.backend->ops->stir)
        d.disk.backend->ops->stir(d.disk.backend);
    virtio_serve_all(&world.v);
    world_settle();
}

// ---- the host's driver ----

static inline void disk_serve(struct block_request *r)
{
    uint8_t *host = d.media + r->sector * BLK_SECTOR;
    uint8_t *data = d.buffer + r->page * BLOCK_PAGE;
    r->status = BLOCK_OK;
    if (r->op != BLOCK_FLUSH &&
        (r->bytes % BLK_SECTOR || r->sector * BLK_SECTOR + r->bytes > sizeof d.media ||
         r->page * BLOCK_PAGE + r->bytes > sizeof d.buffer || !r->bytes))
        r->status = BLOCK_RANGE;
    else if (r->op != BLOCK_FLUSH && d.broken && d.broken - r->sector < r->bytes / BLK_SECTOR)
        r->status = BLOCK_ERROR;
    else if (r->op == BLOCK_READ)
        memcpy(data, host, r->bytes);
    else if (r->op == BLOCK_WRITE)
        memcpy(host, data, r->bytes);
    else
        memcpy(d.lasting, d.media, sizeof d.media);
    __atomic_store_n(&r->state, BLOCK_DONE, __ATOMIC_RELEASE);
}

// Some of what was submitted, in any order. True: there was something.
static inline bool disk_drive(void)
{
    bool any = false;
    if (d.driver_dead)
        return false;
    for (uint32_t i = 0, from = disk_random(BLOCK_REQUESTS); i < BLOCK_REQUESTS; i++) {
        struct block_request *r = &d.channel.request[(from + i) % BLOCK_REQUESTS];
        if (r->state != BLOCK_SUBMITTED)
            continue;
        any = true;
        if (disk_random(3))
            disk_serve(r);
    }
    if (d.channel.confirmed != d.channel.epoch) {
        for (uint32_t i = 0; i < BLOCK_REQUESTS; i++) {
            if (d.channel.request[i].state == BLOCK_SUBMITTED && disk_random(2))
                disk_serve(&d.channel.request[i]);
            d.channel.request[i].state = BLOCK_FREE;
        }
        d.channel.confirmed = d.channel.epoch;
        any = true;
    }
    return any;
}

// Until nothing moves.
static inline void disk_run(void)
{
    while (disk_in_partition() && disk_drive())
        (void)world_do(disk_do_peer, NULL);
}

// Sector by sector, what was written since the last flush is there or not; memory is lost.
static inline void disk_power_cut(void)
{
    for (size_t i = 0; i < sizeof d.media; i += BLK_SECTOR)
        if (disk_random(2))
            memcpy(d.lasting + i, d.media + i, BLK_SECTOR);
    memcpy(d.media, d.lasting, sizeof d.media);
    memset(d.memory, 0, sizeof d.memory);
    memset(&d.channel, 0, sizeof d.channel);
    d.channel.sectors = sizeof d.media / BLK_SECTOR;
    d.channel.flags = BLOCK_CACHED;
    d.channel.presence = BLOCK_PRESENT;
}

static inline void disk_boot(uint64_t features)
{
    disk_planned();
    world_begin(&d.disk.kind);
    world.opened = disk_opened;
    world_start();
    disk_run();
    world_drive(features, d.queues, 64, DISK_RINGS);
    disk_run();
}

static inline void disk_begin(enum disk_kind kind, uint16_t queues, uint64_t features)
{
    memset(&d, 0, sizeof d);
    d.kind = kind;
    d.queues = queues;
    d.random = 88172645463325252;
    for (size_t i = 0; i < sizeof d.base; i++)
        d.base[i] = (uint8_t)(i / BLK_SECTOR * 7 + i);
    disk_power_cut();
    disk_boot(features);
}

// ---- the guest's driver: request `tag` has its own header, status and data ----

static inline uint8_t *disk_data(unsigned tag)
{
    return world_ram + DISK_DATA + tag * DISK_DATA_BYTES;
}

static inline uint8_t *disk_status(unsigned tag)
{
    return world_ram + DISK_HEADERS + tag * 64 + 32;
}

// Its data in two parts. False: the queue is full.
static inline bool disk_ask(unsigned queue, unsigned tag, uint32_t type, uint64_t sector, uint32_t bytes)
{
    const struct blk_header h = {type, 0, sector};
    uint64_t header = DISK_HEADERS + tag * 64, data = DISK_DATA + tag * DISK_DATA_BYTES;
    bool into = type == BLK_T_IN || type == BLK_T_GET_ID;
    const uint32_t first = bytes / 3;
    struct world_buffer b[4] = {{header, sizeof h, false}};
    uint16_t count = 1;
    memcpy(world_ram + header, &h, sizeof h);
    *disk_status(tag) = 0xaa;
    if (first)
        b[count++] = (struct world_buffer){data, first, into};
    if (bytes > first)
        b[count++] = (struct world_buffer){data + first, bytes - first, into};
    b[count++] = (struct world_buffer){header + 32, 1, true};
    return world_add(queue, b, count) != UINT16_MAX;
}

// One request, to its end; its status.
static inline uint8_t disk_do(uint32_t type, uint64_t sector, uint32_t bytes)
{
    uint16_t head;
    uint32_t written;
    if (!disk_ask(0, 0, type, sector, bytes))
        abort();
    world_ring(1);
    disk_run();
    if (!world_used(0, &head, &written))
        return 0xff;
    return *disk_status(0);
}
