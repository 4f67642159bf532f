// A device that turns bytes round, and a driver that has it do so.
// SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/virtio_world.h"

enum { DATA = 0x40000, RINGS = 0x1000, SIZE = 8 };

static unsigned ran, started, reset_queues, reset_all;
static uint8_t config[10] = "0123456789";

// Turns bytes round.
static void serve(struct virtio *v, struct virtqueue *q)
{
    struct virtq_chain c;
    (void)v;
    while (virtq_take(q, &c)) {
        uint8_t bytes[256];
        size_t n = virtq_stream_get(&c.readable, bytes, sizeof bytes);
        for (size_t i = 0; i < n / 2; i++) {
            uint8_t b = bytes[i];
            bytes[i] = bytes[n - 1 - i];
            bytes[n - 1 - i] = b;
        }
        ran++;
        virtq_done(q, c.position, (uint32_t)virtq_stream_put(&c.writable, bytes, n));
    }
}

static void start_device(struct virtio *v)
{
    (void)v;
    started++;
}

static void reset_device(struct virtio *v, struct virtqueue *q)
{
    (void)v;
    reset_queues += q != NULL;
    reset_all += q == NULL;
}

static const struct virtio_kind kind = {.id = 30,
                                        .class_code = 0xff0000,
                                        .queues = 2,
                                        .queue_size = 128,
                                        .features = VIRTIO_F(3),
                                        .config_bytes = 10,
                                        .serve = serve,
                                        .start = start_device,
                                        .reset = reset_device};

static inline void begin(void)
{
    world_begin(&kind);
    world.v.config = config;
    world_start();
}

static inline void begin_driven(uint64_t features)
{
    begin();
    world_drive(features, 2, SIZE, RINGS);
    (void)world_take_vectors();
}

static inline void add_text(unsigned queue, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text);
    memcpy(world_ram + DATA, text, bytes);
    const struct world_buffer b[] = {
        {DATA, 1, false}, {DATA + 1, bytes - 1, false}, {DATA + 0x1000, bytes, true}};
    assert_int_not_equal(world_add(queue, b, 3), UINT16_MAX);
}

static inline void expect_turned(unsigned queue, const char *text)
{
    uint16_t head;
    uint32_t written;
    assert_true(world_used(queue, &head, &written));
    assert_int_equal(written, strlen(text));
    assert_memory_equal(world_ram + DATA + 0x1000, text, strlen(text));
}
