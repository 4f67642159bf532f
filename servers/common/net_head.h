// The head of a frame: is what it says possible? [VIRTIO] 5.1.6.2.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "libipc/proto/net.h"

enum net_fault {
    NET_GOOD,
    NET_FAULT_FLAGS,        // one that its sender may not set
    NET_FAULT_SEGMENTATION, // a kind that its sender may not use, or that there is not
    NET_FAULT_SEGMENT,      // segments of no bytes
    NET_FAULT_HEADERS,      // headers beyond the frame
    NET_FAULT_SUM,          // a checksum beyond the frame, or in front of its payload; segments without one
    NET_FAULTS
};

// What a sender may leave to others.
struct net_offers {
    uint8_t flags;         // enum net_flag
    uint8_t segmentations; // NET_TCP4, NET_TCP6, NET_ECN
};
#define NET_OFFERS_ALL ((struct net_offers){NET_NEEDS_SUM | NET_SUM_GOOD, NET_TCP4 | NET_TCP6 | NET_ECN})

// Flags that there are not are cleared, as [VIRTIO] 5.1.6.2.2 asks for, and fields that say nothing.
enum net_fault net_head_check(struct net_head *h, struct net_offers offers);

// How many frames of the wire it stands for: 1 if it is not to be cut.
uint32_t net_head_segments(const struct net_head *h);
