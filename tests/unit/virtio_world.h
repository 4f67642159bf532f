// A virtio device between a model of a guest's driver and a server that can be killed at any store.
// SPDX-License-Identifier: MIT
//
// Include this before the sources of the layer: a kill comes behind the n-th store into the guest's memory,
// or around a commit. The driver is written from [VIRTIO] alone, and believes only what it reads.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"

static void world_step(void);
#define VIRTQ_STORED() world_step()

#include "servers/common/virtio.c"
#include "servers/common/virtio_registers.c"
#include "servers/common/virtq_stream.c"
#include "servers/common/virtqueue.c"

enum {
    WORLD_RAM = 1 << 20,
    WORLD_USED = 0x60000,
    WORLD_QUEUES = 8,
    WORLD_DEVICE_STATE = 1024,
    WORLD_RING = 0x8000
};

// The driver's side of a queue.
struct world_queue {
    uint16_t size, available, seen;
    uint64_t descriptors, driver, device;
    uint16_t free_count;
    uint16_t free[VIRTQ_SIZE_MAX];
    uint16_t first[VIRTQ_SIZE_MAX], length[VIRTQ_SIZE_MAX]; // of the request with that head
    uint16_t links[VIRTQ_SIZE_MAX];
};

static struct {
    struct virtio v;
    struct virtio_state state, committed_state;
    struct virtq_state queues[WORLD_QUEUES], committed_queues[WORLD_QUEUES];
    uint8_t device[WORLD_DEVICE_STATE], committed_device[WORLD_DEVICE_STATE];
    struct virtqueue queue[WORLD_QUEUES];
    struct device_page page;
    struct stats_page stats;
    void (*opened)(void);    // a device's own part of a start
    void (*published)(void); // and of what is done behind a commit

    struct world_queue driver[WORLD_QUEUES];
    uint64_t features;
    unsigned logged, commits, signals;

    bool armed, dead;
    uint64_t steps, limit, again; // again: the limit of the next incarnation's beginning
    unsigned deaths;
    jmp_buf out;
} world;

static uint8_t world_ram[WORLD_RAM] __attribute__((aligned(4096)));

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
    world.logged++;
}

// ---- the server ----

static void world_step(void)
{
    if (!world.armed || ++world.steps != world.limit)
        return;
    world.armed = false;
    world.dead = true;
    world.deaths++;
    longjmp(world.out, 1);
}

static inline void world_arm(uint64_t limit)
{
    world.armed = limit != 0;
    world.steps = 0;
    world.limit = limit;
}

static void world_settle(void)
{
    if (world.v.changes) {
        world_step();
        world.committed_state = world.state;
        memcpy(world.committed_queues, world.queues, sizeof world.queues);
        memcpy(world.committed_device, world.device, sizeof world.device);
        world.v.changes = 0;
        world.commits++;
        world_step();
    }
    if (world.published)
        world.published();
    world.signals += virtio_publish(&world.v);
    world_step();
}

static void world_commit_queue(struct virtqueue *q)
{
    (void)q;
    world.v.changes |= VIRTIO_CHANGED_QUEUES;
    world_settle();
}

// What a server does at each start.
static void world_start(void)
{
    const struct virtio_kind *kind = world.v.kind;
    void *owner = world.v.owner, *config = world.v.config;
    memset(world.queue, 0, sizeof world.queue);
    world.state = world.committed_state;
    memcpy(world.queues, world.committed_queues, sizeof world.queues);
    memcpy(world.device, world.committed_device, sizeof world.device);
    world.v = (struct virtio){.kind = kind,
                              .owner = owner,
                              .config = config,
                              .state = &world.state,
                              .queue_state = world.queues,
                              .queue = world.queue,
                              .memory = guest_memory(world_ram, WORLD_RAM),
                              .page = &world.page,
                              .stats = &world.stats};
    for (unsigned i = 0; i < WORLD_QUEUES; i++)
        world.queue[i].commit = world_commit_queue;
    if (world.opened)
        world.opened();
    virtio_open(&world.v);
    world_settle();
}

static inline void world_begin(const struct virtio_kind *kind)
{
    memset(&world, 0, sizeof world);
    memset(world_ram, 0, WORLD_USED);
    world.v.kind = kind;
    world.v.state = &world.state;
    world.v.queue_state = world.queues;
    virtio_init_state(&world.v);
    world.committed_state = world.state;
    memcpy(world.committed_queues, world.queues, sizeof world.queues);
    world.page.control = BUS_CONTROL_MASTER | BUS_CONTROL_MSIX;
}

// Starts it, as often as it dies of that.
static inline void world_revive(void)
{
    if (setjmp(world.out) == 0)
        world_arm(world.again);
    else
        world_arm(0);
    world.again = 0;
    world_start();
}

// Does something in the server; when it dies, starts it again. True: it lived.
static inline bool world_do(void (*what)(void *), void *argument)
{
    world.dead = false;
    if (setjmp(world.out) == 0) {
        what(argument);
        return true;
    }
    world_revive();
    return false;
}

// ---- accesses ----

struct world_access {
    uint64_t offset, value;
    uint32_t size, bar;
};

static void world_do_write(void *argument)
{
    const struct world_access *a = argument;
    virtio_write(&world.v, a->bar, a->offset, a->size, a->value);
    world_settle();
}

// A write that was not answered is delivered again.
static inline void world_write(uint64_t offset, uint32_t size, uint64_t value)
{
    struct world_access a = {offset, value, size, VIRTIO_BAR_REGISTERS};
    while (!world_do(world_do_write, &a))
        ;
}

static void world_do_read(void *argument)
{
    struct world_access *a = argument;
    a->value = virtio_read(&world.v, a->bar, a->offset, a->size);
    world_settle();
}

static inline uint64_t world_read(uint64_t offset, uint32_t size)
{
    struct world_access a = {offset, 0, size, VIRTIO_BAR_REGISTERS};
    while (!world_do(world_do_read, &a))
        ;
    return a.value;
}

#define COMMON(field)           offsetof(struct virtio_common, field)
#define FIELD_BYTES(field)      sizeof(((struct virtio_common *)0)->field)
#define WORLD_GET(field)        world_read(COMMON(field), FIELD_BYTES(field))
#define WORLD_SET(field, value) world_write(COMMON(field), FIELD_BYTES(field), (value))

static void world_do_bits(void *argument)
{
    uint64_t bits = *(uint64_t *)argument;
    virtio_bits(&world.v, bits & UINT32_MAX, bits >> 32);
    world_settle();
}

// Doorbells. A signal that a dead server took is not lost: its successor looks at all queues.
static inline void world_ring(uint64_t bits)
{
    (void)world_do(world_do_bits, &bits);
}

static inline void world_bus(void)
{
    world_ring(UINT64_C(1) << 32);
}

// ---- the driver ----

static inline void world_queue_at(unsigned i, uint16_t size, uint64_t at)
{
    struct world_queue *q = &world.driver[i];
    *q = (struct world_queue){
        .size = size, .descriptors = at, .driver = at + 0x1000, .device = at + 0x2000, .free_count = size};
    memset(world_ram + at, 0, 0x3000);
    for (uint16_t k = 0; k < size; k++)
        q->free[k] = (uint16_t)(size - 1 - k);
    WORLD_SET(queue_select, i);
    WORLD_SET(queue_size, size);
    WORLD_SET(queue_vector, i);
    world_write(COMMON(queue_descriptors), 4, q->descriptors);
    world_write(COMMON(queue_descriptors) + 4, 4, q->descriptors >> 32);
    WORLD_SET(queue_driver, q->driver);
    WORLD_SET(queue_device, q->device);
    WORLD_SET(queue_enable, 1);
}

static inline void world_features(uint64_t wanted)
{
    for (uint32_t i = 0; i < 2; i++) {
        WORLD_SET(driver_feature_select, i);
        WORLD_SET(driver_feature, (uint32_t)(wanted >> (32 * i)));
    }
}

// 3.1.1
static inline void world_drive(uint64_t wanted, uint16_t queues, uint16_t size, uint64_t at)
{
    WORLD_SET(status, 0);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    world.features = wanted | VIRTIO_F_VERSION_1;
    world_features(world.features);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    WORLD_SET(config_vector, world.v.kind->queues);
    for (uint16_t i = 0; i < queues; i++)
        world_queue_at(i, size, at + (uint64_t)i * WORLD_RING);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static inline struct virtq_descriptor *world_descriptor(const struct world_queue *q, uint16_t i)
{
    return (struct virtq_descriptor *)(void *)(world_ram + q->descriptors) + i;
}

static inline uint16_t *world_index(uint64_t ring)
{
    return (uint16_t *)(void *)(world_ram + ring + VIRTQ_RING_INDEX);
}

static inline uint16_t *world_available(const struct world_queue *q)
{
    return (uint16_t *)(void *)(world_ram + q->driver + VIRTQ_RING_ENTRIES);
}

struct world_buffer {
    uint64_t gpa;
    uint32_t bytes;
    bool writable;
};

static inline void world_offer(struct world_queue *q, uint16_t head)
{
    world_available(q)[q->available % q->size] = head;
    *world_index(q->driver) = ++q->available;
}

// Makes a request available; its head, or UINT16_MAX: the ring is full.
static inline uint16_t world_add(unsigned i, const struct world_buffer *b, uint16_t count)
{
    struct world_queue *q = &world.driver[i];
    if (q->free_count < count)
        return UINT16_MAX;
    uint16_t head = UINT16_MAX, before = 0;
    for (uint16_t k = 0; k < count; k++) {
        uint16_t d = q->free[--q->free_count];
        *world_descriptor(q, d) = (struct virtq_descriptor){
            b[k].gpa, b[k].bytes,
            (uint16_t)((b[k].writable ? VIRTQ_FLAG_WRITE : 0) | (k + 1 < count ? VIRTQ_FLAG_NEXT : 0)), 0};
        if (k)
            world_descriptor(q, before)->next = d;
        else
            head = d;
        before = d;
    }
    q->length[head] = count;
    world_offer(q, head);
    return head;
}

static inline void world_free(struct world_queue *q, uint16_t head)
{
    for (uint16_t n = q->length[head], d = head; n--; d = world_descriptor(q, d)->next)
        q->free[q->free_count++] = d;
}

// The next completed request. False: none.
static inline bool world_used(unsigned i, uint16_t *head, uint32_t *written)
{
    struct world_queue *q = &world.driver[i];
    if (q->seen == *world_index(q->device))
        return false;
    const struct virtq_used *u =
        (const struct virtq_used *)(const void *)(world_ram + q->device + VIRTQ_RING_ENTRIES) +
        q->seen++ % q->size;
    *head = (uint16_t)u->head;
    *written = u->written;
    world_free(q, *head);
    return true;
}

// The driver wants an interrupt with the next completion; must the doorbell be rung?
static inline void world_want_interrupt(unsigned i)
{
    struct world_queue *q = &world.driver[i];
    world_available(q)[q->size] = q->seen;
}

static inline bool world_wants_doorbell(unsigned i, uint16_t old)
{
    const struct world_queue *q = &world.driver[i];
    const uint8_t *ring = world_ram + q->device;
    uint16_t event, flags;
    memcpy(&flags, ring, sizeof flags);
    memcpy(&event, ring + VIRTQ_RING_ENTRIES + sizeof(struct virtq_used) * q->size, sizeof event);
    if (!(world.features & VIRTIO_F_EVENT_IDX))
        return !(flags & 1);
    return (uint16_t)(q->available - event - 1) < (uint16_t)(q->available - old);
}

static inline uint64_t world_take_vectors(void)
{
    uint64_t pending = world.page.line.pending;
    world.page.line.pending = 0;
    return pending;
}

static inline uint64_t world_counter(const char *name)
{
    return *stats_counter(&world.stats, name);
}
