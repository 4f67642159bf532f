// A split virtqueue, the device's side: [VIRTIO] 2.7.
// SPDX-License-Identifier: MIT
//
// The guest's ring is the log. Requests are completed in the order in which they were taken, whatever order
// their device finishes them in, so used.idx says what is done; the next incarnation begins there, and what
// lay between runs again. A stream, of which nothing may run twice, commits its position instead
// (virtio_kind.commits), and used.idx follows the commit.
//
// Everything in the guest's memory is read once and then checked. Each way in which a guest may break the
// rules has a name; after one the queue is dead until the device is reset.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/guest_memory.h"
#include "servers/common/virtq_stream.h"

enum {
    VIRTQ_SIZE_MAX = 128,
    VIRTQ_CHAIN_MAX = 130, // descriptors of one request
    VIRTQ_ATTEMPTS = 3     // to serve a request that its server dies of
};

enum virtq_fault {
    VIRTQ_GOOD,
    VIRTQ_SIZE,             // no power of two, or larger than the device's
    VIRTQ_RING_ALIGNMENT,   // a ring's address
    VIRTQ_RING_MEMORY,      // a ring beyond RAM
    VIRTQ_AVAILABLE_INDEX,  // more requests than the queue has places
    VIRTQ_USED_INDEX,       // found at a start: not what a device left there
    VIRTQ_HEAD,             // a request beyond the table
    VIRTQ_NEXT,             // a descriptor's link beyond the table
    VIRTQ_LOOP,             // a chain longer than its table
    VIRTQ_LONG,             // a chain of more than VIRTQ_CHAIN_MAX
    VIRTQ_FLAGS,            // of a descriptor
    VIRTQ_BUFFER_MEMORY,    // a buffer beyond RAM
    VIRTQ_BUFFER_BYTES,     // a request of 4 GiB or more
    VIRTQ_ORDER,            // a readable buffer behind a writable one
    VIRTQ_INDIRECT_REFUSED, // an indirect table without the feature
    VIRTQ_INDIRECT_NESTED,  // in an indirect table
    VIRTQ_INDIRECT_NEXT,    // with a link
    VIRTQ_INDIRECT_BYTES,   // of no whole number of descriptors
    VIRTQ_INDIRECT_MEMORY,  // beyond RAM
    VIRTQ_FAULTS
};

// For the log, and the names of the counters.
extern const char *const virtq_fault_texts[VIRTQ_FAULTS];
extern const char *const virtq_fault_names[VIRTQ_FAULTS];

// What the guest said, and what is committed: a part of the state object.
struct virtq_state {
    uint64_t descriptors, driver, device; // addresses of the three rings
    uint16_t size;
    uint16_t enabled;
    uint16_t vector;
    uint16_t started;  // the rings are in use
    uint16_t done;     // of streams: used.idx
    uint16_t first;    // the request that incarnations began with
    uint16_t attempts; // how many that were
    uint16_t reserved;
};
_Static_assert(sizeof(struct virtq_state) == 40, "part of servers' states");

struct virtqueue {
    struct virtq_state *state;
    uint16_t number;
    bool running;
    bool event_index, indirect, commits; // what was negotiated
    bool careful;                        // an incarnation died with what lies ahead: one at a time
    bool busy;                           // the guest need not notify
    bool quiet;                          // set by the device: nor when it is empty, as it is looked at anyway
    bool lazy;                           // by the device: interrupts wait for virtio_remind()
    uint8_t fault;                       // enum virtq_fault
    uint16_t most;                       // its size at most
    uint16_t size;
    uint16_t next;                       // to be taken
    uint16_t done;                       // in front of it all are completed
    uint16_t published;                  // used.idx
    uint16_t raised;                     // used.idx when an interrupt was thought of last
    uint16_t trouble;                    // careful: up to here
    void (*commit)(struct virtqueue *q); // makes *state true
    void *owner;
    const struct guest_memory *memory;
    const uint8_t *descriptors, *driver;
    uint8_t *device;
    struct virtq_flight {
        uint16_t head;
        uint16_t done;
        uint32_t written;
    } flight[VIRTQ_SIZE_MAX];
};

// A request. Its parts are the device's to take from.
struct virtq_chain {
    uint16_t position;
    bool give_up; // several incarnations died of it: to be failed as the device fails requests
    struct virtq_stream readable, writable;
    struct virtq_segment segment[VIRTQ_CHAIN_MAX];
};

// ---- for devices ----

// The next request. False: there is none, and the guest will notify of the next; or the queue is dead.
bool virtq_take(struct virtqueue *q, struct virtq_chain *c);

// It is completed; `written` bytes of its writable part, from the front, are new.
void virtq_done(struct virtqueue *q, uint16_t position, uint32_t written);

// Of a stream (commits): the requests from this position on, completed or not, that were not committed are to
// be taken again later.
void virtq_return(struct virtqueue *q, uint16_t position);

// Of a lazy queue: the guest has seen what is done without an interrupt, and none is owed.
bool virtq_is_seen(struct virtqueue *q);

// The request has gone where it cannot kill this server any more: to whoever serves the back-end.
void virtq_handed_on(struct virtqueue *q, uint16_t position);

// Requests taken and not completed.
static inline uint16_t virtq_in_flight(const struct virtqueue *q)
{
    return (uint16_t)(q->next - q->done);
}

// ---- for the layer ----

// Checks the rings and where they stand: at the beginning, or, if it was started before, where it was left.
bool virtq_start(struct virtqueue *q);

static inline void virtq_stop(struct virtqueue *q)
{
    q->running = false;
}

// Shows what is completed.
void virtq_publish(struct virtqueue *q);

// Does the guest want to hear of what was published since the last time?
bool virtq_wants_interrupt(struct virtqueue *q);
