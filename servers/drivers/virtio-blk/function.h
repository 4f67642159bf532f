// A virtio function of the host, [VIRTIO] 3.1 and 4.1: reset, agreement on features, one queue.
// SPDX-License-Identifier: MIT
//
// Interrupts go by the function's pin: MSI-X stays off, as it is after a reset. No system calls here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/drivers/virtio-blk/places.h"
#include "servers/drivers/virtio-blk/queue.h"

struct function {
    struct virtio_places places;
    uint64_t features; // agreed on
    uint32_t doorbell; // of the queue
};

// Ends whatever the device does: afterwards it reaches no memory. False: it does not come to rest.
bool function_reset(const struct function *f);

// After a reset. wanted: features that can be used where they are offered. NULL, or what went wrong: then the
// device stays off.
const char *function_agree(struct function *f, uint64_t wanted);

// Gives the device its queue 0, of at most QUEUE_SIZE_MAX descriptors and at least `least`, and lets it
// begin.
const char *function_begin(struct function *f, struct queue *q, uint32_t least);

void function_ring(const struct function *f);

// What interrupted, enum virtio_isr; reading it takes the interrupt back.
uint32_t function_interrupt(const struct function *f);

// The device gave up: only a reset helps.
bool function_needs_reset(const struct function *f);

// Bytes of the device's configuration that do not change while they are read: 32 bits each, into `to`.
void function_config(const struct function *f, uint32_t *to, uint32_t count);
