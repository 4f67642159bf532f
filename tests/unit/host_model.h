// A virtio function of the host for tests, honest or not; addresses are those of the process.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "servers/common/host_function.h"
#include "servers/common/host_registers.h"
#include "servers/common/virtio_format.h"

enum { MODEL_ISR = 0x1000, MODEL_CONFIG = 0x2000, MODEL_NOTIFY = 0x3000, MODEL_STEP = 4 };

enum model_lie {
    LIE_NOT,
    LIE_HEAD_BEYOND,  // the used entry names a descriptor that there is not
    LIE_HEAD_NOBODYS, // one that is no head
    LIE_TWICE,        // the same again
    LIE_BYTES,        // more bytes than it could write
    LIE_INDEX,        // the index runs ahead
    LIE_SHORT,        // a byte less than were written
    LIE_NO_STATUS     // of disks: the status is not written
};

static struct {
    struct virtio_common common;   // as the driver wrote it
    struct virtio_common queue[2]; // as it was when the driver enabled that queue
    uint64_t offered, agreed;
    uint32_t config[6];
    uint8_t isr;
    bool refuses_features, does_not_rest, stops; // `stops`: takes nothing up
    enum model_lie lie;
    unsigned lies_left; // after these it is honest
    unsigned resets, doorbells;
    uint16_t taken[2];       // of each queue
    void (*meanwhile)(void); // what the device does right before the driver takes an interrupt back
} model;

// Where the driver finds all that.
static const struct host_places model_places = {.isr = MODEL_ISR,
                                                .config = MODEL_CONFIG,
                                                .notify = MODEL_NOTIFY,
                                                .notify_bytes = 0x1000,
                                                .notify_step = MODEL_STEP};

static struct dma_page model_page(void *at)
{
    return (struct dma_page){at, (uintptr_t)at};
}

static void model_queue(struct host_queue *q, uint8_t pages[HOST_QUEUE_PAGES][4096])
{
    q->descriptors = model_page(pages[0]);
    q->available = model_page(pages[1]);
    q->used = model_page(pages[2]);
}

static void model_init(uint64_t offered)
{
    memset(&model, 0, sizeof model);
    model.offered = VIRTIO_F_VERSION_1 | offered;
    model.common.queue_size = 256;
    model.common.queue_notify_off = 1;
}

static uint16_t *model_word(uint64_t ring, uint32_t byte)
{
    return (uint16_t *)(uintptr_t)(ring + byte);
}

static void model_use(unsigned q, uint32_t head, uint32_t written)
{
    uint16_t *index = model_word(model.queue[q].queue_device, VIRTQ_RING_INDEX);
    struct virtq_used *ring =
        (struct virtq_used *)(void *)model_word(model.queue[q].queue_device, VIRTQ_RING_ENTRIES);
    ring[*index % model.queue[q].queue_size] = (struct virtq_used){head, written};
    ++*index;
    model.isr |= VIRTIO_ISR_QUEUE;
}

static void model_tell_lie(unsigned q, uint32_t head, uint32_t written)
{
    model.lies_left--;
    switch (model.lie) {
    case LIE_HEAD_BEYOND: model_use(q, model.queue[q].queue_size, written); break;
    case LIE_HEAD_NOBODYS: model_use(q, (head + 1) % model.queue[q].queue_size, written); break;
    case LIE_TWICE:
        model_use(q, head, written);
        model_use(q, head, written);
        break;
    case LIE_BYTES: model_use(q, head, written + 1); break;
    case LIE_INDEX: *model_word(model.queue[q].queue_device, VIRTQ_RING_INDEX) += 300; break;
    case LIE_SHORT: model_use(q, head, written - 1); break;
    default: model_use(q, head, written);
    }
}

// A request has ended: says so, or lies.
static void model_end(unsigned q, uint32_t head, uint32_t written)
{
    if (model.lies_left && model.lie)
        model_tell_lie(q, head, written);
    else
        model_use(q, head, written);
}

// The next request's first descriptor; NULL: there is none.
static const struct virtq_descriptor *model_take(unsigned q, uint16_t *head)
{
    const struct virtio_common *at = &model.queue[q];
    if (model.stops || !at->queue_enable || *model_word(at->queue_driver, VIRTQ_RING_INDEX) == model.taken[q])
        return NULL;
    *head = *model_word(at->queue_driver, VIRTQ_RING_ENTRIES + 2u * (model.taken[q]++ % at->queue_size));
    return (const struct virtq_descriptor *)(uintptr_t)at->queue_descriptors + *head;
}

static uint32_t model_common_read(uint32_t offset, uint32_t bytes)
{
    uint32_t value = 0;
    if (offset == offsetof(struct virtio_common, device_feature))
        return (uint32_t)(model.offered >> 32 * model.common.device_feature_select);
    memcpy(&value, (const char *)&model.common + offset, bytes);
    return value;
}

static void model_set_status(uint8_t status)
{
    if (!status && model.does_not_rest)
        return;
    if (!status) {
        model.resets++;
        memset(model.taken, 0, sizeof model.taken);
        memset(model.queue, 0, sizeof model.queue);
        model.isr = 0;
    }
    model.common.status = model.refuses_features ? status & (uint8_t)~VIRTIO_FEATURES_OK : status;
}

uint32_t host_register_read(uint32_t offset, uint32_t bytes)
{
    if (offset < MODEL_ISR)
        return model_common_read(offset, bytes);
    if (offset >= MODEL_CONFIG)
        return model.config[(offset - MODEL_CONFIG) / 4];
    if (model.meanwhile)
        model.meanwhile();
    uint8_t isr = model.isr;
    model.isr = 0;
    return isr;
}

void host_register_write(uint32_t offset, uint32_t bytes, uint32_t value)
{
    if (offset >= MODEL_NOTIFY)
        model.doorbells += offset == MODEL_NOTIFY + MODEL_STEP && bytes == 2;
    else if (offset == offsetof(struct virtio_common, status))
        model_set_status((uint8_t)value);
    else
        memcpy((char *)&model.common + offset, &value, bytes);
    if (offset == offsetof(struct virtio_common, queue_enable) && model.common.queue_select < 2)
        model.queue[model.common.queue_select] = model.common;
    if (offset == offsetof(struct virtio_common, driver_feature))
        model.agreed = (uint64_t)value << 32 * model.common.driver_feature_select |
                       (model.common.driver_feature_select ? model.agreed & UINT32_MAX : 0);
}
