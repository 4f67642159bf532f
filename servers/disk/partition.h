// A back-end in a partition of a host's disk: all of the disk, or what was written over a base.
// SPDX-License-Identifier: MIT
//
// Requests become jobs, which go through the channel piece by piece; several jobs are under way, of each one
// piece. A flush is done when the data are on the host's disk. While the driver is dead, jobs wait.
//
// Over a base a block is written completely before it counts as the disk's own. Flushes are alone with such
// first writes: none is under way while bits of the map are on their way, so no bit overtakes its block.
#pragma once

#include "servers/disk/backend.h"
#include "servers/disk/channel.h"
#include "servers/disk/overlay.h"

struct partition_plan {
    const char *name;
    uint64_t size; // bytes of the disk
    bool has_base;
    struct overlay overlay; // size and base_* set
    uint8_t *memory;        // over a base: disk_partition_memory()
};

enum partition_state {
    PARTITION_WAITS,  // for the driver
    PARTITION_HEADER, // is being read
    PARTITION_FORMAT, // ... written, then flushed
    PARTITION_FORMATTED,
    PARTITION_MAP, // is being read
    PARTITION_READY,
    PARTITION_FAILED // every request fails
};

enum job_phase {
    JOB_DATA,
    JOB_FLUSH_FIRST, // the blocks
    JOB_MAP,
    JOB_FLUSH_LAST // the bits
};

struct partition_job {
    struct disk_request *request; // NULL: free, or forgotten
    enum job_phase phase;
    bool busy;       // a piece is in the channel
    bool first;      // ... that makes blocks the disk's own
    uint32_t range;  // of ZERO
    uint64_t offset; // the next byte of the disk
    uint64_t left;   // bytes
    uint64_t bytes;  // of the piece
    uint64_t page;   // of the map
};

struct partition {
    struct backend backend;
    struct partition_plan plan;
    struct channel channel;
    enum partition_state state;
    uint64_t page; // of the map, that is read
    struct partition_job job[BLOCK_REQUESTS];
    struct partition_job *flushing; // has the map
    uint64_t errors;
};

void partition_open(struct partition *p, const struct partition_plan *plan, struct block_channel *channel,
                    uint8_t *buffer);
