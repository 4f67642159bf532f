// Ports of a VM: a virtio console device between its guest and, for each port, a stream and a ring of bytes.
// SPDX-License-Identifier: MIT
//
// A stream of requests that must not run twice: how far each queue is is committed together with the
// positions in streams and rings (virtio_kind.commits). A request that is longer than a stream may be ahead
// of what it published is committed in pieces; how much of it is out already is part of the state. So are the
// control messages that the guest has still to be sent.
//
// No system calls here: what peers have to be told is left in `signals`.
#pragma once

#include "libipc/proto/layout.h"
#include "libipc/ring.h"
#include "libipc/stream.h"
#include "servers/common/virtio.h"
#include "servers/ports/format.h"

enum {
    PORTS_NAME_BYTES = 16,
    PORTS_REQUEST_MAX = 1 << 20 // bytes of one request: a guest that asks for more is at fault
};

_Static_assert(PORTS_MAX == (VIRTIO_QUEUES_MAX - PORTS_QUEUES) / 2, "two queues a port");

// The device's own section of the state object.
struct ports_state {
    struct port_state {
        uint64_t output, input; // positions
        uint32_t taken;         // bytes of the request at the queue's head that are out already
        uint8_t owed;           // a bit an event that the guest is to be told
        uint8_t open;           // the guest reads
        uint8_t reserved[2];
    } port[PORTS_MAX];
};

struct ports {
    struct virtio_kind kind;
    struct ports_config config;
    uint32_t count;
    char name[PORTS_MAX][PORTS_NAME_BYTES];
    struct ports_state *state;
    struct stream output[PORTS_MAX];
    struct ring input[PORTS_MAX];
    uint32_t signals; // a bit a port: its peer is to be told
};

// `count` and the names being there: what the virtio layer is to know.
void ports_prepare(struct ports *p, struct virtio *v);
// Opens a port's ends at the state's positions, which are committed, and publishes these.
void ports_open(struct ports *p, uint32_t port, void *output, void *input);
// Something was typed: to be called at a signal of a peer.
void ports_stir(struct ports *p, struct virtio *v);
// Makes the committed positions visible.
void ports_publish(struct ports *p);
