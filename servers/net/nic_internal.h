// What the parts of a network card know of each other.
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/net/nic.h"

// frames.c: the two queues of frames.
void nic_transmit(struct virtio *v, struct virtqueue *q);
void nic_receive(struct virtio *v, struct virtqueue *q);
// Nobody is there to receive: what has come is dropped.
void nic_drop_received(struct virtio *v);
