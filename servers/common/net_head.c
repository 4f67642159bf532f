// The head of a frame.
// SPDX-License-Identifier: MIT
#include "servers/common/net_head.h"

enum { SUM_BYTES = 2, TCP_BYTES = 20 };

static enum net_fault check_segmentation(const struct net_head *h, struct net_offers offers)
{
    uint8_t kind = h->segmentation & (uint8_t)~NET_ECN;
    if (h->segmentation & ~offers.segmentations || (kind != NET_TCP4 && kind != NET_TCP6))
        return NET_FAULT_SEGMENTATION;
    if (!(h->flags & NET_NEEDS_SUM))
        return NET_FAULT_SUM;
    if (!h->segment_bytes)
        return NET_FAULT_SEGMENT;
    return h->header_bytes > h->bytes ? NET_FAULT_HEADERS : NET_GOOD;
}

enum net_fault net_head_check(struct net_head *h, struct net_offers offers)
{
    h->flags &= NET_NEEDS_SUM | NET_SUM_GOOD;
    h->reserved = 0;
    if (h->flags & ~offers.flags)
        return NET_FAULT_FLAGS;
    if (h->flags & NET_NEEDS_SUM) {
        if (h->sum_start < NET_FRAME_MIN || (uint32_t)h->sum_start + h->sum_offset + SUM_BYTES > h->bytes)
            return NET_FAULT_SUM;
    } else {
        h->sum_start = h->sum_offset = 0;
    }
    if (h->segmentation != NET_WHOLE)
        return check_segmentation(h, offers);
    h->segment_bytes = h->header_bytes = 0;
    return NET_GOOD;
}

uint32_t net_head_segments(const struct net_head *h)
{
    if (h->segmentation == NET_WHOLE)
        return 1;
    uint32_t headers = h->header_bytes ? h->header_bytes : h->sum_start + (uint32_t)TCP_BYTES;
    uint32_t payload = headers < h->bytes ? h->bytes - headers : 1;
    return (payload + h->segment_bytes - 1) / h->segment_bytes;
}
