// Frames as the wire has them: what the head of a frame leaves to be done, done.
// SPDX-License-Identifier: MIT
//
// For drivers of hardware that does not do it itself. A checksum is completed ([VIRTIO] 5.1.6.2); a TCP
// segment that is larger than the wire's frames is cut, as a network stack would have: each piece has the
// headers with its own lengths, numbers, flags and checksums (RFC 791, 8200, 9293, 3168); what is too short
// for the wire is filled up. The frame is a sender's, who may lie. No system calls.
#pragma once

#include "libipc/proto/net.h"

enum {
    NET_WIRE_MIN = 60,   // without its checksum, which is the hardware's
    NET_WIRE_MAX = 1518, // 1500 bytes behind an Ethernet header and a VLAN tag
};

struct net_cut {
    const uint8_t *frame; // all of it
    struct net_head head;
    uint32_t pieces; // frames of the wire
    // Of a segment.
    uint32_t network, transport, payload; // where these begin
};

// NULL, or the counter of what is wrong with the frame.
const char *net_cut(struct net_cut *c, const struct net_head *head, const uint8_t *frame);

// Makes piece n, of up to NET_WIRE_MAX bytes; answers how many there are.
uint32_t net_cut_piece(const struct net_cut *c, uint32_t n, uint8_t *to);
