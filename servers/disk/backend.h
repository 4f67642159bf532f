// What a disk's requests are, and what serves them.
// SPDX-License-Identifier: MIT
//
// blk.c takes requests of the guest and checks them; a back-end carries them out, at once or later, in
// whatever order. One that runs again after a restart of the server must come to the same result, and what an
// acknowledged one rests on must have been made to last before backend_done().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/virtqueue.h"
#include "servers/disk/format.h"

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO, DISK_OPS };
enum { DISK_RANGES_MAX = 16 };

struct disk_request {
    struct virtqueue *queue; // NULL: free
    enum disk_op op;
    bool through;      // a write that is to last when it is done
    uint8_t result;    // enum blk_status
    uint8_t *status;   // the guest's byte for it
    uint64_t writable; // bytes of the chain, that byte included
    uint64_t filled;   // of them, from the front, when it succeeds
    uint64_t sector;
    struct virtq_stream *data; // what is read or written, whole sectors within the disk
    uint32_t ranges;           // of DISCARD and ZERO
    struct blk_range range[DISK_RANGES_MAX];
    struct virtq_chain chain;
};

struct backend;

struct backend_ops {
    // True: it is done, and `result` says how. False: backend_done() will be called.
    bool (*start)(struct backend *b, struct disk_request *r);
    // The guest will not hear of its requests any more; they must not touch its memory. Left out by back-ends
    // that are done at once.
    void (*forget)(struct backend *b, struct virtqueue *q);
    // May requests come now? Left out: always.
    bool (*ready)(struct backend *b);
    // Who serves this one stirred. Left out: nobody does.
    void (*stir)(struct backend *b);
};

struct backend {
    const struct backend_ops *ops;
    void *owner;
};

// blk.c: a request that could not be done at once is.
void backend_done(struct backend *b, struct disk_request *r);
