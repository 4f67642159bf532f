// virtio-net, [VIRTIO] 5.1, as a port of the switch (libipc/proto/net.h, docs/switch.md).
// SPDX-License-Identifier: MIT
//
// Nothing must survive. That a frame of the switch's is taken is published before the device gets any of it,
// and one that came is in the ring before its buffer is the device's again: what a dead incarnation or its
// device had is lost, as on any wire, and nothing goes out twice. What finds no room in the ring is dropped,
// nobody waits for the switch; what the device cannot take now waits in the ring.
//
// The device is asked for nothing but to move frames: checksums and segments are done here (net_wire.h). One
// that gives up, or says what cannot be, is reset; after several times without a frame in between it is left
// alone. No system calls.
#pragma once

#include "libipc/proto/net.h"
#include "libipc/proto/stats.h"
#include "servers/common/host_function.h"
#include "servers/common/net_wire.h"

enum {
    UPLINK_BUFFERS = 64, // of each queue
    UPLINK_BUFFER = 2048,
    UPLINK_HEADER = 12, // the device's, in front of each frame
    UPLINK_PER_PAGE = 4096 / UPLINK_BUFFER,
    UPLINK_PAGES = 2 * UPLINK_BUFFERS / UPLINK_PER_PAGE,
    UPLINK_RESETS = 3,
};

struct uplink {
    struct host_function function;
    struct host_queue receive, transmit;
    struct dma_page buffers[UPLINK_PAGES]; // first those for what comes
    struct net_port *port;
    struct stats_page *stats;
    // Its own.
    bool dead;            // the device cannot be used
    uint32_t resets;      // since a frame went or came
    struct ring to, from; // the switch
    uint64_t free;        // a bit a buffer of the transmit queue
    struct net_cut cut;   // the frame that is being sent
    uint32_t next;        // piece of it; as many as there are: none is
    bool tell;            // the switch is to be signalled
    uint8_t frame[NET_FRAME_MAX];
    struct {
        uint64_t *sent, *received;
    } count;
};

// Goes on where the rings say, and owes the switch a signal. If the device cannot be used the log says why.
void uplink_open(struct uplink *u);

// Moves frames, so many at once. True: there is more to do, call again before any wait.
bool uplink_serve(struct uplink *u);
