// The registers of a virtio device: [VIRTIO] 4.1.
// SPDX-License-Identifier: MIT
//
// A read, of whatever width, is cut out of an image of the registers. A write is put into it, and every
// register that it touches is then set to what the image says; so halves of a register work as a memory
// would.
#include <string.h>

#include "libipc/log.h"
#include "servers/common/virtio.h"
#include "servers/common/virtio_internal.h"

enum { FEATURE_HALVES = 2 };

static const uint64_t own_features =
    VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET;

static uint64_t offered(const struct virtio *v)
{
    return v->kind->features | own_features;
}

static struct virtq_state *selected(const struct virtio *v)
{
    return v->state->queue_select < v->kind->queues ? &v->queue_state[v->state->queue_select] : NULL;
}

static uint32_t half(uint64_t features, uint32_t select)
{
    return select < FEATURE_HALVES ? (uint32_t)(features >> (32 * select)) : 0;
}

// What the driver must not do and what changes nothing.
static void ignore(struct virtio *v)
{
    virtio_count(v, "writes-ignored");
}

static struct virtio_common image(const struct virtio *v)
{
    const struct virtio_state *s = v->state;
    const struct virtq_state *q = selected(v);
    struct virtio_common c = {
        .device_feature_select = s->device_select,
        .device_feature = half(offered(v), s->device_select),
        .driver_feature_select = s->driver_select,
        .driver_feature = half(s->driver_features, s->driver_select),
        .config_vector = s->config_vector,
        .queues = v->kind->queues,
        .status = s->status,
        .generation = s->generation,
        .queue_select = s->queue_select,
        .queue_vector = VIRTIO_NO_VECTOR,
    };
    if (!q)
        return c;
    c.queue_size = q->size;
    c.queue_vector = q->vector;
    c.queue_enable = q->enabled;
    c.queue_notify_off = s->queue_select;
    c.queue_descriptors = q->descriptors;
    c.queue_driver = q->driver;
    c.queue_device = q->device;
    return c;
}

// ---- setting ----

static void set_device_select(struct virtio *v, uint64_t value)
{
    v->state->device_select = (uint32_t)value;
}

static void set_driver_select(struct virtio *v, uint64_t value)
{
    v->state->driver_select = (uint32_t)value;
}

// Features are fixed once they are agreed on.
static void set_driver_feature(struct virtio *v, uint64_t value)
{
    uint32_t shift = 32 * v->state->driver_select;
    if (v->state->driver_select >= FEATURE_HALVES || v->state->status & VIRTIO_FEATURES_OK) {
        ignore(v);
        return;
    }
    v->state->driver_features &= ~(UINT64_C(0xffffffff) << shift);
    v->state->driver_features |= (value & 0xffffffff) << shift;
}

static uint16_t vector(const struct virtio *v, uint64_t value)
{
    return value < virtio_vectors(v) ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

static void set_config_vector(struct virtio *v, uint64_t value)
{
    v->state->config_vector = vector(v, value);
}

static void set_queue_select(struct virtio *v, uint64_t value)
{
    v->state->queue_select = (uint16_t)value;
}

static bool agrees(struct virtio *v)
{
    uint64_t wanted = v->state->driver_features;
    return wanted & VIRTIO_F_VERSION_1 && !(wanted & ~offered(v)) &&
           (!v->kind->agree || v->kind->agree(v, wanted));
}

// 2.1, 3.1.1: bits are added in their order, and taken away only by a reset, which writes 0.
static void set_status(struct virtio *v, uint64_t value)
{
    struct virtio_state *s = v->state;
    uint8_t old = s->status, driver = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK |
                                      VIRTIO_FEATURES_OK | VIRTIO_FAILED;
    if (!value) {
        virtio_reset(v);
        virtio_count(v, "resets");
        return;
    }
    if (old & driver & ~value) {
        ignore(v);
        return;
    }
    uint8_t added = (uint8_t)value & driver & (uint8_t)~old;
    if (added & VIRTIO_FEATURES_OK && !agrees(v)) {
        ignore(v);
        added &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    if (added & VIRTIO_DRIVER_OK && !((old | added) & VIRTIO_FEATURES_OK)) {
        ignore(v);
        added &= (uint8_t)~VIRTIO_DRIVER_OK;
    }
    s->status |= added;
    if (added & VIRTIO_FEATURES_OK)
        v->features = s->driver_features;
    if (!(added & VIRTIO_DRIVER_OK))
        return;
    if (v->kind->start)
        v->kind->start(v);
    virtio_settle(v);
}

// What belongs to a queue may be set until it is enabled.
static struct virtq_state *configurable(struct virtio *v)
{
    struct virtq_state *q = selected(v);
    if (q && !q->enabled)
        return q;
    ignore(v);
    return NULL;
}

static void set_queue_size(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = configurable(v);
    if (q)
        q->size = (uint16_t)value;
}

static void set_queue_vector(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = selected(v);
    if (q)
        q->vector = vector(v, value);
    else
        ignore(v);
}

// 4.1.4.3.2: the driver never writes 0. A queue that cannot work is told of when it starts.
static void set_queue_enable(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = configurable(v);
    if (!q)
        return;
    if (value != 1 || !(v->state->status & VIRTIO_FEATURES_OK)) {
        ignore(v);
        return;
    }
    q->enabled = 1;
    virtio_settle(v);
}

static void set_descriptors(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = configurable(v);
    if (q)
        q->descriptors = value;
}

static void set_driver(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = configurable(v);
    if (q)
        q->driver = value;
}

static void set_device(struct virtio *v, uint64_t value)
{
    struct virtq_state *q = configurable(v);
    if (q)
        q->device = value;
}

// 2.6.1: done when it reads as 0 again, which is at once.
static void set_queue_reset(struct virtio *v, uint64_t value)
{
    if (!selected(v) || value != 1 || !(v->features & VIRTIO_F_RING_RESET))
        ignore(v);
    else
        virtio_reset_queue(v, v->state->queue_select);
}

#define REGISTER(field, set_)                                                                                \
    {                                                                                                        \
        offsetof(struct virtio_common, field), sizeof(((struct virtio_common *)0)->field), set_              \
    }

static const struct virtio_register {
    uint8_t offset, width;
    void (*set)(struct virtio *v, uint64_t value);
} registers[] = {
    REGISTER(device_feature_select, set_device_select),
    REGISTER(driver_feature_select, set_driver_select),
    REGISTER(driver_feature, set_driver_feature),
    REGISTER(config_vector, set_config_vector),
    REGISTER(status, set_status),
    REGISTER(queue_select, set_queue_select),
    REGISTER(queue_size, set_queue_size),
    REGISTER(queue_vector, set_queue_vector),
    REGISTER(queue_descriptors, set_descriptors),
    REGISTER(queue_driver, set_driver),
    REGISTER(queue_device, set_device),
    REGISTER(queue_enable, set_queue_enable),
    REGISTER(queue_reset, set_queue_reset),
};

// The part of an access that lies within `limit` bytes.
static uint32_t within(uint64_t offset, uint32_t size, uint32_t limit)
{
    return offset >= limit ? 0 : size < limit - offset ? size : limit - (uint32_t)offset;
}

static uint64_t cut(const void *from, uint64_t offset, uint32_t size, uint32_t limit)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)from + offset, within(offset, size, limit));
    return value;
}

static void write_common(struct virtio *v, uint64_t offset, uint32_t size, uint64_t value)
{
    struct virtio_common c = image(v);
    uint32_t bytes = within(offset, size, sizeof c);
    bool known = false;
    memcpy((uint8_t *)&c + offset, &value, bytes);
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        const struct virtio_register *r = &registers[i];
        if (offset >= r->offset + r->width || offset + bytes <= r->offset)
            continue;
        uint64_t word = 0;
        memcpy(&word, (const uint8_t *)&c + r->offset, r->width);
        r->set(v, word);
        known = true;
    }
    if (!known)
        ignore(v);
    v->changes |= VIRTIO_CHANGED_STATE | VIRTIO_CHANGED_QUEUES;
}

static void write_config(struct virtio *v, uint64_t offset, uint32_t size, uint64_t value)
{
    uint32_t bytes = within(offset, size, v->kind->config_bytes);
    if (!bytes || !v->kind->configured || !v->kind->configured(v, (uint32_t)offset, bytes, value))
        ignore(v);
}

// ---- accesses ----

static uint64_t read_isr(struct virtio *v, uint64_t offset)
{
    uint8_t isr = v->state->isr;
    if (offset || !isr)
        return 0;
    v->state->isr = 0;
    v->changes |= VIRTIO_CHANGED_STATE;
    return isr;
}

uint64_t virtio_read(struct virtio *v, uint32_t bar, uint64_t offset, uint32_t size)
{
    virtio_look(v);
    if (bar != VIRTIO_BAR_REGISTERS || size > sizeof(uint64_t))
        return 0;
    if (offset >= VIRTIO_AT_CONFIG)
        return cut(v->config, offset - VIRTIO_AT_CONFIG, size, v->kind->config_bytes);
    if (offset >= VIRTIO_AT_ISR)
        return read_isr(v, offset - VIRTIO_AT_ISR);
    struct virtio_common c = image(v);
    return cut(&c, offset - VIRTIO_AT_COMMON, size, sizeof c);
}

void virtio_write(struct virtio *v, uint32_t bar, uint64_t offset, uint32_t size, uint64_t value)
{
    virtio_look(v);
    if (bar != VIRTIO_BAR_REGISTERS || size > sizeof value)
        ignore(v);
    else if (offset >= VIRTIO_AT_CONFIG)
        write_config(v, offset - VIRTIO_AT_CONFIG, size, value);
    else if (offset >= VIRTIO_AT_ISR)
        ignore(v);
    else
        write_common(v, offset - VIRTIO_AT_COMMON, size, value);
}

// ---- what the bus is told ----

struct place {
    uint8_t id, link, bytes, place;
    uint8_t bar, padding[3];
    uint32_t offset, length;
    uint32_t more; // of NOTIFY: bytes between two doorbells; of WINDOW: its data
};

enum { PCI_VENDOR_SPECIFIC = 9, PLACE_BYTES = 16, DOORBELL_BYTES = 2, DOORBELLS_LEAST = 8 };

static void add_place(struct bus_function *f, enum virtio_place place, uint8_t bar, uint32_t offset,
                      uint32_t length, uint32_t more)
{
    uint8_t bytes =
        place == VIRTIO_PLACE_NOTIFY || place == VIRTIO_PLACE_WINDOW ? sizeof(struct place) : PLACE_BYTES;
    const struct place p = {.id = PCI_VENDOR_SPECIFIC,
                            .bytes = bytes,
                            .place = (uint8_t)place,
                            .bar = bar,
                            .offset = offset,
                            .length = length,
                            .more = more};
    memcpy(f->capability + f->capability_bytes, &p, bytes);
    if (place == VIRTIO_PLACE_WINDOW)
        f->window = f->capability_bytes + 1;
    f->capability_bytes += bytes;
}

static uint32_t doorbell_bytes(const struct virtio *v)
{
    uint32_t bytes = DOORBELLS_LEAST;
    while (bytes < v->kind->queues * DOORBELL_BYTES)
        bytes *= 2;
    return bytes;
}

void virtio_function(const struct virtio *v, struct bus_function *f)
{
    *f = (struct bus_function){
        .vendor = VIRTIO_PCI_VENDOR,
        .device = VIRTIO_PCI_DEVICE + v->kind->id,
        .subsystem_vendor = VIRTIO_PCI_VENDOR,
        .subsystem = VIRTIO_PCI_DEVICE + v->kind->id,
        .class_code = v->kind->class_code,
        .revision = 1,
        .pin = 1,
        .vectors = (uint8_t)virtio_vectors(v),
        .msix_bar = VIRTIO_BAR_MSIX,
        .doorbell_bar = VIRTIO_BAR_DOORBELLS,
        .doorbells = (uint8_t)v->kind->queues,
        .bar[VIRTIO_BAR_DOORBELLS] = {doorbell_bytes(v), BUS_BAR_IO},
        .bar[VIRTIO_BAR_REGISTERS] = {VIRTIO_REGISTER_BYTES, BUS_BAR_MEMORY64},
    };
    add_place(f, VIRTIO_PLACE_COMMON, VIRTIO_BAR_REGISTERS, VIRTIO_AT_COMMON, sizeof(struct virtio_common),
              0);
    add_place(f, VIRTIO_PLACE_NOTIFY, VIRTIO_BAR_DOORBELLS, 0, doorbell_bytes(v), DOORBELL_BYTES);
    add_place(f, VIRTIO_PLACE_ISR, VIRTIO_BAR_REGISTERS, VIRTIO_AT_ISR, 4, 0);
    if (v->kind->config_bytes)
        add_place(f, VIRTIO_PLACE_DEVICE, VIRTIO_BAR_REGISTERS, VIRTIO_AT_CONFIG, v->kind->config_bytes, 0);
    add_place(f, VIRTIO_PLACE_WINDOW, 0, 0, 0, 0);
}
