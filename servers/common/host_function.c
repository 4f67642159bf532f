// A virtio function of the host: reset, agreement on features, queues.
// SPDX-License-Identifier: MIT
#include "servers/common/host_function.h"

#include <stddef.h>

#include "servers/common/host_registers.h"

#define COMMON(f, member)                                                                                    \
    (f)->places.common + (uint32_t)offsetof(struct virtio_common, member),                                   \
        (uint32_t)sizeof(((struct virtio_common *)0)->member)

enum { RESET_LOOKS = 1000000, CONFIG_TRIES = 100 };

static uint32_t status(const struct host_function *f)
{
    return host_register_read(COMMON(f, status));
}

static void add_status(const struct host_function *f, uint32_t bits)
{
    host_register_write(COMMON(f, status), status(f) | bits);
}

bool host_function_reset(const struct host_function *f)
{
    host_register_write(COMMON(f, status), 0);
    for (uint32_t i = 0; i < RESET_LOOKS; i++)
        if (!status(f))
            return true;
    return false;
}

static uint64_t offered(const struct host_function *f)
{
    uint64_t features = 0;
    for (uint32_t half = 0; half < 2; half++) {
        host_register_write(COMMON(f, device_feature_select), half);
        features |= (uint64_t)host_register_read(COMMON(f, device_feature)) << 32 * half;
    }
    return features;
}

const char *host_function_agree(struct host_function *f, uint64_t wanted)
{
    add_status(f, VIRTIO_ACKNOWLEDGE);
    add_status(f, VIRTIO_DRIVER);
    f->features = offered(f) & (wanted | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM);
    if (!(f->features & VIRTIO_F_VERSION_1))
        return "it is of virtio's first version";
    for (uint32_t half = 0; half < 2; half++) {
        host_register_write(COMMON(f, driver_feature_select), half);
        host_register_write(COMMON(f, driver_feature), (uint32_t)(f->features >> 32 * half));
    }
    add_status(f, VIRTIO_FEATURES_OK);
    return status(f) & VIRTIO_FEATURES_OK ? NULL : "it does not agree to the features";
}

static void write_address(uint32_t offset, uint64_t address)
{
    host_register_write(offset, 4, (uint32_t)address);
    host_register_write(offset + 4, 4, (uint32_t)(address >> 32));
}

const char *host_function_queue(const struct host_function *f, struct host_queue *q, uint16_t number,
                                uint32_t least)
{
    uint32_t at = f->places.common;
    host_register_write(COMMON(f, queue_select), number);
    uint32_t size = host_register_read(COMMON(f, queue_size));
    size = size < HOST_QUEUE_MAX ? size : HOST_QUEUE_MAX;
    if (size < least || (size & (size - 1)))
        return "a queue is too short";
    uint64_t doorbell = (uint64_t)host_register_read(COMMON(f, queue_notify_off)) * f->places.notify_step;
    if (doorbell > f->places.notify_bytes - sizeof(uint16_t))
        return "a doorbell lies elsewhere";
    host_queue_init(q, number, (uint16_t)size);
    q->doorbell = f->places.notify + (uint32_t)doorbell;
    host_register_write(COMMON(f, queue_size), size);
    write_address(at + offsetof(struct virtio_common, queue_descriptors), q->descriptors.address);
    write_address(at + offsetof(struct virtio_common, queue_driver), q->available.address);
    write_address(at + offsetof(struct virtio_common, queue_device), q->used.address);
    host_register_write(COMMON(f, queue_enable), 1);
    return NULL;
}

void host_function_begin(const struct host_function *f)
{
    add_status(f, VIRTIO_DRIVER_OK);
}

void host_function_ring(const struct host_queue *q)
{
    if (host_queue_wants_notice(q))
        host_register_write(q->doorbell, sizeof q->number, q->number);
}

uint32_t host_function_interrupt(const struct host_function *f)
{
    return host_register_read(f->places.isr, 1);
}

bool host_function_gave_up(const struct host_function *f, uint32_t interrupt)
{
    return (interrupt & VIRTIO_ISR_CONFIG) && (status(f) & VIRTIO_NEEDS_RESET);
}

void host_function_config(const struct host_function *f, uint32_t *to, uint32_t count)
{
    uint32_t before, after, tries = 0;
    do {
        before = host_register_read(COMMON(f, generation));
        for (uint32_t i = 0; i < count; i++)
            to[i] = host_register_read(f->places.config + 4 * i, 4);
        after = host_register_read(COMMON(f, generation));
    } while (before != after && ++tries < CONFIG_TRIES);
}
