// A virtio function of the host, [VIRTIO] 3.1 and 4.1: reset, agreement on features, queues.
// SPDX-License-Identifier: MIT
//
//     reset, agree, queue for each queue, begin
//
// Interrupts go by the function's pin: MSI-X stays off, as it is after a reset. No system calls here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/host_places.h"
#include "servers/common/host_queue.h"

struct host_function {
    struct host_places places;
    uint64_t features; // agreed on
};

// Ends whatever the device does: afterwards it reaches no memory. False: it does not come to rest.
bool host_function_reset(const struct host_function *f);

// After a reset. wanted: features that can be used where they are offered. NULL, or what went wrong: then the
// device stays off.
const char *host_function_agree(struct host_function *f, uint64_t wanted);

// Gives the device a queue, empty, of at most HOST_QUEUE_MAX descriptors and at least `least`. NULL, or what
// is wrong.
const char *host_function_queue(const struct host_function *f, struct host_queue *q, uint16_t number,
                                uint32_t least);

// Lets the device begin.
void host_function_begin(const struct host_function *f);

// Tells the device of what was added to a queue, if it wants to be told.
void host_function_ring(const struct host_queue *q);

// What interrupted, enum virtio_isr; reading it takes the interrupt back. What comes behind that interrupts
// again, so the queues are looked at afterwards.
uint32_t host_function_interrupt(const struct host_function *f);

// The device gave up, as far as an interrupt says: only a reset helps.
bool host_function_gave_up(const struct host_function *f, uint32_t interrupt);

// Bytes of the device's configuration that do not change while they are read: 32 bits each, into `to`.
void host_function_config(const struct host_function *f, uint32_t *to, uint32_t count);
