// virtio-blk, [VIRTIO] 5.2, as a device of the block service.
// SPDX-License-Identifier: MIT
//
// What is under way is known here, so a device that gives up, says what cannot be, or answers no more, is
// reset and told everything again. A request that this happened to three times ends with an error. No system
// calls.
#pragma once

#include "servers/common/block_service.h"
#include "servers/common/host_function.h"

enum { DISK_CONFIG_BYTES = 24, DISK_PIECES_MAX = BLOCK_PAGES + 2, DISK_ATTEMPTS = 3 };

// One page that the device reaches: of each request its head, which it reads, and its status, which it
// writes.
struct disk_requests {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } head[BLOCK_JOBS_MAX];
    uint8_t status[BLOCK_JOBS_MAX];
};

struct disk {
    struct host_function function;
    struct host_queue queue;
    struct disk_requests *requests;
    uint64_t address; // of `requests`, for the device
    // Its own.
    bool dead; // it could not be started again: everything ends with an error
    struct {
        struct block_job job;
        uint32_t attempts;
    } jobs[BLOCK_JOBS_MAX];
    uint64_t busy, lost; // a bit a tag: under way; to end with an error
    uint64_t give_up;    // TSC, if something is under way
    uint64_t errors;
};

// Resets the device and learns what it is. `to` has no sectors if it cannot be used; the log says why.
void disk_open(struct disk *d, struct block_disk *to);

// Of struct block_backend; device is a struct disk.
bool disk_submit(void *device, uint32_t tag, const struct block_job *job);
bool disk_poll(void *device, uint32_t *tag, enum block_status *status);
uint64_t disk_deadline(void *device);
