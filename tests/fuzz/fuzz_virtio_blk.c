// Fuzzes the driver of a virtio disk with a device that writes anything: every request ends once
// SPDX-License-Identifier: MIT
//
// LINK: servers/drivers/virtio-blk/disk.c servers/common/host_function.c
// LINK: servers/common/host_queue.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "libipc/log.h"
#include "libipc/time.h"
#include "servers/drivers/virtio-blk/disk.h"
#include "tests/unit/virtio_blk_model.h"

enum { TAGS = 16, ROUNDS_MAX = 1000 };

uint64_t tsc_per_ns = UINT64_C(1) << 32;

static const uint8_t *input;
static size_t left;
static struct disk disk;
static uint8_t memory[HOST_QUEUE_PAGES + 1][BLOCK_PAGE] __attribute__((aligned(4096)));
static uint8_t buffer[BLOCK_PAGES][BLOCK_PAGE] __attribute__((aligned(4096)));
static uint64_t addresses[BLOCK_PAGES];
static uint32_t under_way;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static uint8_t next(void)
{
    return left ? (left--, *input++) : 0;
}

static void set_up(void)
{
    model_disk_init();
    for (unsigned i = 0; i < BLOCK_PAGES; i++)
        addresses[i] = (uintptr_t)buffer[i];
    disk = (struct disk){.function.places = model_places,
                         .requests = (struct disk_requests *)(void *)memory[HOST_QUEUE_PAGES],
                         .address = (uintptr_t)memory[HOST_QUEUE_PAGES]};
    model_queue(&disk.queue, memory);
    under_way = 0;
}

// A store of the device's: into its ring, the statuses, or what the driver reads of its registers.
static void lie(void)
{
    uint16_t at = (uint16_t)(next() << 8 | next());
    switch (next() % 6) {
    case 0: memory[2][at % BLOCK_PAGE] = next(); break;
    case 1: memory[2][VIRTQ_RING_INDEX] = (uint8_t)(memory[2][VIRTQ_RING_INDEX] + 1); break;
    case 2: disk.requests->status[at % BLOCK_JOBS_MAX] = next(); break;
    case 3: model.isr = next(); break;
    case 4: model.common.status |= next(); break;
    default: memory[2][VIRTQ_RING_ENTRIES + at % 32] = next() % 64;
    }
}

static void submit(void)
{
    uint32_t tag = next() % TAGS;
    uint8_t op = next() % BLOCK_OPS;
    struct block_job job = {
        .op = op, .sectors = op == BLOCK_FLUSH ? 0 : 1 + next() % 64u, .pages = addresses};
    if (!(under_way >> tag & 1) && disk_submit(&disk, tag, &job))
        under_way |= 1u << tag;
}

static bool poll(void)
{
    uint32_t tag;
    enum block_status status;
    if (!disk_poll(&disk, &tag, &status))
        return false;
    if (tag >= TAGS || !(under_way >> tag & 1) || (status != BLOCK_OK && status != BLOCK_ERROR))
        abort();
    under_way &= ~(1u << tag);
    return true;
}

// What is free and what is in chains are all descriptors.
static void check_queue(void)
{
    const struct host_queue *q = &disk.queue;
    uint32_t free = 0, chained = 0;
    for (uint16_t at = q->free; free < q->room; at = q->own[at].next, free++)
        if (at >= q->size)
            abort();
    for (uint32_t i = 0; i < q->size; i++)
        chained += q->own[i].tag == HOST_QUEUE_NOBODY ? 0 : q->own[i].length;
    if (free + chained != q->size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block_disk found;
    input = data;
    left = size;
    set_up();
    disk_open(&disk, &found);
    while (left) {
        switch (next() % 4) {
        case 0: submit(); break;
        case 1: model_disk_serve(); break;
        case 2: lie(); break;
        default: poll();
        }
        check_queue();
    }
    // An honest device from here on; what it forgot in its lies is given up in the end.
    for (unsigned i = 0; under_way && i < ROUNDS_MAX; i++) {
        while (model_disk_serve())
            ;
        if (!poll())
            disk.give_up = 0;
    }
    if (under_way)
        abort();
    return 0;
}
