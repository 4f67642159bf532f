// A split virtqueue, the driver's side: [VIRTIO] 2.7.
// SPDX-License-Identifier: MIT
//
// The device may write anything into the rings. What the driver relies on, which descriptors are free and
// whose the others are, it keeps to itself, and believes of a used entry only what can be true. No system
// calls here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/virtio_format.h"

enum { HOST_QUEUE_MAX = 256, HOST_QUEUE_PAGES = 3, HOST_QUEUE_NOBODY = 0xff };

// A page that the device reaches.
struct dma_page {
    void *at;
    uint64_t address;
};

struct host_queue {
    struct dma_page descriptors, available, used;
    // Out of the device's reach.
    uint16_t number;
    uint32_t doorbell;    // its register
    uint16_t size;        // a power of two
    uint16_t free, room;  // the first free descriptor, and how many there are
    uint16_t added, seen; // positions in the available and used ring
    struct {
        uint16_t next;     // of the chain, or of those that are free
        uint8_t tag;       // of a chain's head: whose it is; else HOST_QUEUE_NOBODY
        uint8_t length;    // of its chain
        uint32_t writable; // bytes of it that the device may write
    } own[HOST_QUEUE_MAX];
};

struct host_piece {
    uint64_t address;
    uint32_t bytes;
    bool writable;
};

// Empty, as after a reset of the device; the HOST_QUEUE_PAGES pages are filled in already.
void host_queue_init(struct host_queue *q, uint16_t number, uint16_t size);

// Makes a chain of the pieces, which `tag` names from now on, and shows it to the device. False: no room.
bool host_queue_add(struct host_queue *q, uint8_t tag, const struct host_piece *pieces, uint32_t count);

// Does the device want to be told of what was added?
bool host_queue_wants_notice(const struct host_queue *q);

// Is the device to interrupt when a chain has ended? At first it is. Whoever wakes it up looks for used
// chains behind that.
void host_queue_interrupts(struct host_queue *q, bool wanted);

// Has a chain ended that was not taken yet?
bool host_queue_has_used(const struct host_queue *q);

enum host_queue_result {
    HOST_QUEUE_EMPTY,
    HOST_QUEUE_ENTRY, // a chain has ended: its tag, and how many bytes the device wrote
    HOST_QUEUE_LIE    // an entry that cannot be: the device must be reset
};
enum host_queue_result host_queue_take(struct host_queue *q, uint8_t *tag, uint32_t *written);
