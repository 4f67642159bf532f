// What all drivers of host disks share: channels on one side, a device's requests on the other.
// SPDX-License-Identifier: MIT
//
// The channels (proto/block.h) are partitions of the device's disks, found by name in their GPT. The client
// may lie: a request is copied before it is looked at, every field is checked, and it reaches nothing but its
// own partition and its own pages.
//
// The service keeps nothing that must survive: a request stays SUBMITTED in its channel until it has ended.
// So a driver that starts again resets its device, which ends whatever the dead one had under way, and runs
// all that are SUBMITTED. A new epoch of a client is confirmed when none of the old one's is under way.
//
// No system calls here: block_driver.h is the loop around it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/gpt.h"
#include "libipc/proto/block.h"
#include "libipc/proto/layout.h"

enum { BLOCK_JOBS_MAX = 64, BLOCK_DISKS_MAX = 4, BLOCK_TABLE_PAGES = 4 };

// What the device is to do: checked, and in the disk's own terms.
struct block_job {
    uint32_t disk;
    enum block_op op;
    uint64_t sector;       // of the disk
    uint32_t sectors;      // up to BLOCK_PAGES pages; FLUSH: 0
    uint8_t *data;         // its pages as the driver has them mapped, the first one's beginning
    const uint64_t *pages; // their DMA addresses, by page; NULL where the driver fills in none
};

struct block_disk {
    char name[32];    // for log lines
    uint64_t sectors; // of BLOCK_SECTOR bytes; 0: there is no disk
    uint32_t flags;   // enum block_flag
};

// What a driver supplies.
struct block_backend {
    void *device; // for the calls
    // Starts a job that `tag`, below `depth`, names from now on. False: not now, try again when one ended.
    bool (*submit)(void *device, uint32_t tag, const struct block_job *job);
    // One that ended since: BLOCK_OK, or BLOCK_ERROR after a log line with the device's reasons. False: none.
    // Also looks for what takes too long, and ends it.
    bool (*poll)(void *device, uint32_t *tag, enum block_status *status);
    // TSC ticks at which poll is to be called even if no interrupt came; DEADLINE_NONE.
    uint64_t (*deadline)(void *device);
    uint32_t depth; // jobs at once, up to BLOCK_JOBS_MAX
    uint32_t disk_count;
    struct block_disk disks[BLOCK_DISKS_MAX];
};

// Pages that the device reaches.
struct block_memory {
    uint8_t *data;
    uint64_t pages[BLOCK_PAGES]; // DMA addresses
    bool has_addresses;
};

// A channel as the driver sees it. Filled in before block_service_start(): the first three.
struct block_port {
    char partition[GPT_NAME_UNITS + 1];
    struct block_channel *shared;
    struct block_memory buffer;
    // The service's own.
    uint32_t disk;
    uint32_t flags;          // enum block_flag
    uint64_t first, sectors; // of the partition, on its disk; 0 sectors: absent
    bool twins;              // two disks have a partition of that name
    uint32_t busy;           // a bit a slot: under way
    uint32_t turn;           // the slot that is looked at first
    uint64_t epoch;          // of the requests under way
    uint64_t refused;        // requests that were none
};

struct block_service {
    struct block_backend backend;
    struct block_memory table; // BLOCK_TABLE_PAGES of the driver's own, for partition tables
    bool restarted;            // a former incarnation has said to clients what there is
    uint32_t port_count;
    struct block_port ports[DRIVER_CHANNELS_MAX];
    void (*signal)(void *context, uint32_t port); // the client
    void (*wait)(void *context);                  // until poll may find something
    void *context;
    // The service's own.
    uint64_t waiting; // a bit a port: has to be looked at
    uint64_t stirred; // a bit a port: the client is to be signalled
    uint32_t next;    // the port whose turn it is
    uint64_t busy;    // a bit a tag
    struct {
        uint8_t port, slot;
        struct block_request request;
    } jobs[BLOCK_JOBS_MAX];
};

// The device was reset and nothing is under way: reads the partition tables and says to the clients what
// there is. What is SUBMITTED is run by block_service_serve(), for all ports.
void block_service_start(struct block_service *s);

// Ends what has ended, takes what is new. ports: a bit for each whose client signalled. True: there is more
// to do, call again before any sleep.
bool block_service_serve(struct block_service *s, uint64_t ports);
