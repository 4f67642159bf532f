// A port of the switch: memory that a port's server (a NIC's, or an uplink's driver) and the switch share.
// SPDX-License-Identifier: MIT
//
// Two rings (libipc/ring.h) of cells of 64 bytes, one to the switch and one from it. A frame takes as many
// cells as it needs, one behind the other, so small frames cost little and one of 64 KiB fits: a head, then
// the frame. The head says what is left to be done, as virtio's does: a checksum that is not complete, a
// segment that is to be cut ([VIRTIO] 5.1.6); between VMs nobody does it.
//
// The supervisor owns the memory. Neither end trusts the other: a head is copied before it is looked at, an
// index that cannot be stops the ring, and whoever overwrites his port's memory spoils his own frames and
// nobody else's. Nobody ever waits for a port that does not read: what finds no room is dropped, and counted.
// docs/switch.md tells who may lose what when.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/ring.h"

enum {
    NET_CELL = 64,
    NET_CELLS = 2048,      // of each ring: two of the largest frames
    NET_FRAME_MIN = 14,    // an Ethernet header; frames are not filled up to 60 bytes in here
    NET_FRAME_MAX = 65554, // 64 KiB behind an Ethernet header and a VLAN tag
    NET_PORTS_MAX = 60,    // each has a bit of the switch's notification
    NET_ADDRESS = 6,
    NET_TAG = 4,     // bytes of a VLAN tag ...
    NET_TAG_AT = 12, // ... and where it is
    NET_VLAN = 1,    // whose frames ports have that say nothing of VLANs
    NET_VLAN_MAX = 4094
};

// In front of a frame. All but `bytes` is virtio's, little-endian, at the same place.
struct net_head {
    uint32_t bytes;         // of the frame
    uint8_t flags;          // enum net_flag
    uint8_t segmentation;   // enum net_segmentation
    uint16_t header_bytes;  // of all headers, a hint; 0: not known
    uint16_t segment_bytes; // payload of each segment
    uint16_t sum_start;     // NET_NEEDS_SUM: from here to the end it is to be summed up ...
    uint16_t sum_offset;    // ... and stored at so many bytes behind sum_start
    uint16_t reserved;      // 0
};
_Static_assert(sizeof(struct net_head) == 16, "shared between programs");

enum net_flag {
    NET_NEEDS_SUM = 1,
    NET_SUM_GOOD = 2 // it was checked; from uplinks alone
};

enum net_segmentation {
    NET_WHOLE = 0,
    NET_TCP4 = 1,
    NET_TCP6 = 4,
    NET_ECN = 0x80 // together with one of TCP
};

// The first cell of a frame: that much of it is always in one place.
struct net_first {
    struct net_head head;
    uint8_t frame[NET_CELL - sizeof(struct net_head)];
};
_Static_assert(sizeof(struct net_first) == NET_CELL, "a cell");

// Where the rings lie: behind a page's beginning that says how the port is.
struct net_port {
    // The switch's.
    uint32_t link;    // 1: up. 0: nothing is taken from the port or given to it
    uint32_t forgets; // goes up when the switch no longer knows who is where: time to announce oneself
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct net_port) == 64, "shared between programs");

#define NET_RING_BYTES (sizeof(struct ring_shared) + (uint64_t)NET_CELLS * NET_CELL)
#define NET_AT_TO      (sizeof(struct net_port))
#define NET_AT_FROM    (NET_AT_TO + NET_RING_BYTES)
#define NET_PORT_BYTES (NET_AT_FROM + NET_RING_BYTES) // of the memory object

// Cells of a frame of so many bytes.
static inline uint32_t net_cells(uint32_t bytes)
{
    return (bytes + (uint32_t)sizeof(struct net_head) + NET_CELL - 1) / NET_CELL;
}

enum net_look {
    NET_NOTHING,
    NET_FRAME,
    NET_BAD_INDEX, // the producer's index cannot be: nothing it says is to be trusted
    NET_BAD_FRAME  // no frame of that length can be there; what is in the ring is lost
};

// Copies the first cell of the frame at `position`, which may run ahead of what this consumer has published.
// NET_BAD_FRAME: *first holds nothing of use, and net_end() is where to go on.
static inline enum net_look net_look(const struct ring *r, uint64_t position, struct net_first *first)
{
    uint32_t filled;
    if (!ring_filled(r, &filled))
        return NET_BAD_INDEX;
    uint64_t ahead = position - r->position;
    if (filled <= ahead)
        return NET_NOTHING;
    ring_get(r, position, first, 1);
    uint32_t bytes = first->head.bytes;
    return bytes >= NET_FRAME_MIN && bytes <= NET_FRAME_MAX && net_cells(bytes) <= filled - ahead
               ? NET_FRAME
               : NET_BAD_FRAME;
}

// Behind all that the producer has published; the index is good.
static inline uint64_t net_end(const struct ring *r)
{
    uint32_t filled;
    (void)!ring_filled(r, &filled);
    return r->position + filled;
}

// Is there room for `cells` at `position`, which may run ahead of what this producer has published? A bad
// index is none.
static inline bool net_has_room(const struct ring *r, uint64_t position, uint32_t cells)
{
    uint32_t room;
    return ring_room(r, &room) && position - r->position + cells <= room;
}

// What lies in one place of the bytes `offset` to `offset + most` behind the cell `position`: how many, and
// where. 0 for none.
static inline uint32_t net_span(const struct ring *r, uint64_t position, uint32_t offset, uint32_t most,
                                uint8_t **at)
{
    uint32_t capacity = r->capacity * r->element;
    uint32_t place = (uint32_t)((position & (r->capacity - 1)) * r->element + offset) & (capacity - 1);
    *at = r->elements + place;
    return most < capacity - place ? most : capacity - place;
}

// What the switch counts of a port, for ever. Frames that are dropped are counted under one reason each.
enum net_counter {
    // From the port.
    NET_IN_FRAMES, // that were in its ring
    NET_IN_BYTES,
    NET_IN_LENGTH, // dropped: too short, too long, or not wholly there
    NET_IN_HEAD,   // a head that contradicts itself or the frame
    NET_IN_SOURCE, // an address that is not the port's, or no sender's
    NET_IN_VLAN,   // a tag that the port may not use
    NET_IN_LIMIT,  // over the port's limits
    NET_IN_LOCAL,  // for bridges alone (01:80:c2:00:00:0x), or for the port that it came from
    NET_IN_NOBODY, // nobody is there whom it may reach
    NET_IN_INDEX,  // times that the ring's index could not be
    // To the port.
    NET_OUT_FRAMES,
    NET_OUT_BYTES,
    NET_OUT_FULL,  // dropped: no room in its ring
    NET_OUT_INDEX, // the ring's index could not be
    NET_COUNTERS = 16
};

// The memory object `switch.counts`.
struct net_counts {
    uint64_t port[NET_PORTS_MAX][NET_COUNTERS];
};
