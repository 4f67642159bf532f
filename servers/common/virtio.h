// A virtio device over PCI, [VIRTIO] 1.2, modern only: registers, negotiation, queues, interrupts.
// SPDX-License-Identifier: MIT
//
// A device is a struct virtio_kind: a few numbers and callbacks. It takes requests from its queues and
// completes them; everything else is done here: what the guest may get wrong, reset, the machine's reset,
// interrupts by MSI-X or by line, and that nothing is lost or done twice when the server dies.
// docs/virtio.md tells how to write one.
//
// No system calls here: virtio_server.h connects a device to the bus and to the server loop, and tests and
// fuzzers put a guest of their own in that place.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/bus.h"
#include "libipc/proto/stats.h"
#include "servers/common/virtio_format.h"
#include "servers/common/virtqueue.h"

enum { VIRTIO_QUEUES_MAX = 16 };

// Where the registers lie.
enum virtio_bar { VIRTIO_BAR_DOORBELLS = 0, VIRTIO_BAR_MSIX = 1, VIRTIO_BAR_REGISTERS = 4 };
enum virtio_offset {
    VIRTIO_AT_COMMON = 0x0000,
    VIRTIO_AT_ISR = 0x1000,
    VIRTIO_AT_CONFIG = 0x2000,
    VIRTIO_REGISTER_BYTES = 0x4000
};

struct virtio;

struct virtio_kind {
    uint16_t id;         // virtio's number of it, [VIRTIO] 5
    uint32_t class_code; // PCI's, 24 bits
    uint16_t queues;     // up to VIRTIO_QUEUES_MAX
    uint16_t queue_size; // of each at most; a power of two up to VIRTQ_SIZE_MAX
    uint64_t
        features; // its own; indirect descriptors, EVENT_IDX, RING_RESET and VERSION_1 come by themselves
    uint32_t config_bytes; // of its configuration, which virtio.config points to

    // A stream, whose requests must not run twice: how far each queue is is committed, together with what
    // the device itself says it changed (VIRTIO_CHANGED_DEVICE), and only then shown. Without this a request
    // runs again when the server died of it or before it was shown, and nothing is committed for it.
    bool commits;

    // There may be requests: takes them with virtq_take() until there is none, or until the device can take
    // no more now, and completes them with virtq_done(), now or later.
    void (*serve)(struct virtio *v, struct virtqueue *q);

    // All that follows may be left out. The driver is ready: v->features is what was agreed on.
    void (*start)(struct virtio *v);
    // May the driver have these features together?
    bool (*agree)(struct virtio *v, uint64_t features);
    // The queue was reset, or with it the whole device (NULL): its requests that are under way are gone,
    // virtq_done() of them is forbidden.
    void (*reset)(struct virtio *v, struct virtqueue *q);
    // The driver writes into the configuration. False: those bytes cannot be written.
    bool (*configured)(struct virtio *v, uint32_t offset, uint32_t bytes, uint64_t value);
};

// The sections of the state object that belong to this layer.
enum { VIRTIO_SECTION = 0x80, VIRTIO_QUEUES_SECTION };

struct virtio_state {
    uint32_t resets; // of the machine: struct device_page
    uint32_t device_select, driver_select;
    uint16_t queue_select, config_vector;
    uint64_t driver_features;
    uint8_t status, generation, isr, reserved[5];
};
_Static_assert(sizeof(struct virtio_state) == 32, "part of servers' states");

struct virtio {
    const struct virtio_kind *kind;
    void *owner;                // the device's own
    struct virtio_state *state; // these two lie in the state object
    struct virtq_state *queue_state;
    struct virtqueue *queue; // kind->queues of them
    void *config;            // the device's configuration, kind->config_bytes
    struct guest_memory memory;
    struct device_page *page;
    struct stats_page *stats;

    uint64_t features;               // agreed on
    uint32_t changes;                // enum virtio_change: to be committed
    uint32_t touched;                // a bit a queue that something was completed in, perhaps
    uint32_t owed;                   // a bit a lazy queue that an interrupt has to be thought of for
    uint64_t raise;                  // vectors
    uint64_t *interrupts, *notified; // counters
    uint32_t faults;                 // of the guest, since the server started
    bool owes;                       // a signal, perhaps: the dead server wrote the page, and no more
};

enum virtio_change {
    VIRTIO_CHANGED_STATE = 1,
    VIRTIO_CHANGED_QUEUES = 2,
    VIRTIO_CHANGED_DEVICE = 4, // the device's own section: set by the device
    VIRTIO_CHANGED_REST = 8    // of it, where it has parts (struct virtio_server)
};

// ---- for devices ----

// The device can take or complete requests again: calls serve() for the queue, or all, if it runs.
void virtio_serve(struct virtio *v, struct virtqueue *q);
void virtio_serve_all(struct virtio *v);

// The interrupts of lazy queues that have not been thought of: the guest may have seen by itself what is
// done.
void virtio_remind(struct virtio *v);

// The device changed its configuration: another generation, and an interrupt.
void virtio_config_changed(struct virtio *v);

// The guest broke a rule, of virtio's or of the device: NEEDS_RESET. `what` is for the log.
void virtio_fail(struct virtio *v, const char *counter, const char *what);

// ---- for virtio_server.c and tests ----

// The state as after power-on, in a new state object.
void virtio_init_state(struct virtio *v);
// At each start, `kind` to `stats` being filled in: goes on where the committed state says.
void virtio_open(struct virtio *v);
// What the bus is told.
void virtio_function(const struct virtio *v, struct bus_function *f);
// The guest reads or writes `size` bytes at `offset` of BAR `bar`.
uint64_t virtio_read(struct virtio *v, uint32_t bar, uint64_t offset, uint32_t size);
void virtio_write(struct virtio *v, uint32_t bar, uint64_t offset, uint32_t size, uint64_t value);
// Doorbells, a bit a queue. `bus`: the device page says something new.
void virtio_bits(struct virtio *v, uint64_t doorbells, bool bus);
// To be called first in every handler: was the machine reset?
void virtio_look(struct virtio *v);
// Behind the commit, and whenever nothing was to be committed: used.idx, line, vectors. True: the monitor is
// to be signalled.
bool virtio_publish(struct virtio *v);
