// A virtio block device, [VIRTIO] 5.2: requests between the guest's queues and a back-end.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/proto/disk.h"
#include "servers/common/virtio.h"
#include "servers/disk/backend.h"

enum { DISK_QUEUE_SIZE = 128 };

// Why a request was refused, as it is counted.
enum disk_refusal { DISK_MALFORMED, DISK_OUT_OF_RANGE, DISK_READ_ONLY, DISK_UNSUPPORTED, DISK_REFUSALS };

struct disk_plan {
    uint64_t sectors;
    bool read_only;
    bool volatile_writes; // the back-end has something to flush
    uint16_t queues;
    uint16_t requests; // at once, as many as the back-end takes
    char serial[DISK_SERIAL_MAX];
};

// What the guest may change, in the state object.
struct disk_state {
    uint8_t write_through;
    uint8_t reserved[7];
};

struct disk {
    struct virtio_kind kind;
    struct virtio *v;
    struct backend *backend;
    struct disk_state *state;
    struct disk_plan plan;
    struct blk_config config;
    struct disk_request *request; // plan.requests of them
    uint64_t *counter[DISK_OPS], *refused[DISK_REFUSALS], *read_sectors, *written_sectors, *errors;
};

// Makes the kind of a disk; `request` is the caller's memory. Then v->kind and what virtio_open() wants are
// to be set, and disk_open() to be called.
void disk_prepare(struct disk *d, const struct disk_plan *plan, struct disk_request *request);
void disk_open(struct disk *d, struct virtio *v, struct backend *b, struct disk_state *state);
