// A block channel: memory that a disk server and a host driver share, and the driver's pinned DMA memory.
// SPDX-License-Identifier: MIT
//
// The supervisor owns both; neither end trusts the other with more than its own disk. The client (disk
// server) fills a request, then its state; the driver moves it on. Requests complete in any order. Pages of
// the buffer belong to the request that names them. Each end signals the other after it changed a state.
//
// Restarts. A request stays in its slot until the client frees it, so a driver that starts again resets its
// device and runs all that are SUBMITTED: block requests may run twice. A client that starts again adds 1 to
// `epoch` and signals; it touches no slot before the driver has said the same number in `confirmed`: nothing
// of older epochs is under way then, and all slots are FREE. So a dead client's write cannot overtake its
// successor's.
#pragma once

#include <stdint.h>

enum { BLOCK_SECTOR = 512, BLOCK_REQUESTS = 16, BLOCK_PAGES = 32, BLOCK_PAGE = 4096 };

enum block_state {
    BLOCK_FREE,      // the client's
    BLOCK_SUBMITTED, // the driver's
    BLOCK_DONE       // the client's, to be freed: `status` says how it ended
};

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_OPS };

enum block_status {
    BLOCK_OK,
    BLOCK_ERROR,  // the device reports an error
    BLOCK_RANGE,  // beyond the end of the partition, or pages that there are not
    BLOCK_REFUSED // the partition is read-only, or no such op
};

struct block_request {
    uint32_t state;  // enum block_state: stored last, with release
    uint16_t op;     // enum block_op
    uint8_t page;    // first page of the buffer
    uint8_t status;  // enum block_status
    uint64_t sector; // of the partition
    uint32_t bytes;  // a multiple of BLOCK_SECTOR, up to BLOCK_PAGES pages from `page` on; FLUSH: 0
    uint32_t reserved;
};

enum block_flag {
    BLOCK_READ_ONLY = 1 << 0,
    BLOCK_CACHED = 1 << 1 // without a flush a write may be lost
};

// What is known of the partition.
enum block_presence {
    BLOCK_UNKNOWN, // the driver has not looked yet: wait for its signal
    BLOCK_PRESENT,
    BLOCK_ABSENT // no disk, no such partition, or a partition table that is damaged; the driver's log says
                 // which
};

struct block_channel {
    // The client's.
    uint64_t epoch;
    uint64_t reserved[7];
    // The driver's. `presence` is stored last.
    uint64_t confirmed;
    uint64_t sectors; // of the partition
    uint32_t flags;   // enum block_flag
    uint32_t presence;
    uint64_t errors; // requests that ended with BLOCK_ERROR, ever
    uint64_t reserved2[4];
    struct block_request request[BLOCK_REQUESTS];
};
_Static_assert(sizeof(struct block_channel) == 128 + 24 * BLOCK_REQUESTS, "shared between programs");
