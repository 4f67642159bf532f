// A virtio function of the host: reset, agreement on features, one queue.
// SPDX-License-Identifier: MIT
#include "servers/drivers/virtio-blk/function.h"

#include <stddef.h>

#include "servers/drivers/virtio-blk/registers.h"

#define COMMON(f, member)                                                                                    \
    (f)->places.common + (uint32_t)offsetof(struct virtio_common, member),                                   \
        (uint32_t)sizeof(((struct virtio_common *)0)->member)

enum { RESET_LOOKS = 1000000, CONFIG_TRIES = 100 };

static uint32_t status(const struct function *f)
{
    return register_read(COMMON(f, status));
}

static void add_status(const struct function *f, uint32_t bits)
{
    register_write(COMMON(f, status), status(f) | bits);
}

bool function_reset(const struct function *f)
{
    register_write(COMMON(f, status), 0);
    for (uint32_t i = 0; i < RESET_LOOKS; i++)
        if (!status(f))
            return true;
    return false;
}

static uint64_t offered(const struct function *f)
{
    uint64_t features = 0;
    for (uint32_t half = 0; half < 2; half++) {
        register_write(COMMON(f, device_feature_select), half);
        features |= (uint64_t)register_read(COMMON(f, device_feature)) << 32 * half;
    }
    return features;
}

const char *function_agree(struct function *f, uint64_t wanted)
{
    add_status(f, VIRTIO_ACKNOWLEDGE);
    add_status(f, VIRTIO_DRIVER);
    f->features = offered(f) & (wanted | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM);
    if (!(f->features & VIRTIO_F_VERSION_1))
        return "it is of virtio's first version";
    for (uint32_t half = 0; half < 2; half++) {
        register_write(COMMON(f, driver_feature_select), half);
        register_write(COMMON(f, driver_feature), (uint32_t)(f->features >> 32 * half));
    }
    add_status(f, VIRTIO_FEATURES_OK);
    return status(f) & VIRTIO_FEATURES_OK ? NULL : "it does not agree to the features";
}

static void write_address(uint32_t offset, uint64_t address)
{
    register_write(offset, 4, (uint32_t)address);
    register_write(offset + 4, 4, (uint32_t)(address >> 32));
}

const char *function_begin(struct function *f, struct queue *q, uint32_t least)
{
    uint32_t at = f->places.common;
    register_write(COMMON(f, queue_select), 0);
    uint32_t size = register_read(COMMON(f, queue_size));
    size = size < QUEUE_SIZE_MAX ? size : QUEUE_SIZE_MAX;
    if (size < least || (size & (size - 1)))
        return "its queue is too short";
    uint64_t doorbell = (uint64_t)register_read(COMMON(f, queue_notify_off)) * f->places.notify_step;
    if (doorbell > f->places.notify_bytes - sizeof(uint16_t))
        return "its doorbell lies elsewhere";
    f->doorbell = f->places.notify + (uint32_t)doorbell;
    queue_init(q, (uint16_t)size);
    register_write(COMMON(f, queue_size), size);
    write_address(at + offsetof(struct virtio_common, queue_descriptors), q->descriptors.address);
    write_address(at + offsetof(struct virtio_common, queue_driver), q->available.address);
    write_address(at + offsetof(struct virtio_common, queue_device), q->used.address);
    register_write(COMMON(f, queue_enable), 1);
    add_status(f, VIRTIO_DRIVER_OK);
    return NULL;
}

void function_ring(const struct function *f)
{
    register_write(f->doorbell, sizeof(uint16_t), 0);
}

uint32_t function_interrupt(const struct function *f)
{
    return register_read(f->places.isr, 1);
}

bool function_needs_reset(const struct function *f)
{
    return status(f) & VIRTIO_NEEDS_RESET;
}

void function_config(const struct function *f, uint32_t *to, uint32_t count)
{
    uint32_t before, after, tries = 0;
    do {
        before = register_read(COMMON(f, generation));
        for (uint32_t i = 0; i < count; i++)
            to[i] = register_read(f->places.config + 4 * i, 4);
        after = register_read(COMMON(f, generation));
    } while (before != after && ++tries < CONFIG_TRIES);
}
