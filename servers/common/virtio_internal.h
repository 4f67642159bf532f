// What the two parts of the virtio layer know of each other.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/common/virtio.h"

static inline uint32_t virtio_vectors(const struct virtio *v)
{
    return v->kind->queues + 1u; // one each, and the configuration's
}

void virtio_reset_queue(struct virtio *v, uint32_t i);
void virtio_reset(struct virtio *v);
void virtio_settle(struct virtio *v);
void virtio_count(struct virtio *v, const char *name);
