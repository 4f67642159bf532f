// A back-end in memory: a RAM disk, or a read-only image, or what was written over one.
// SPDX-License-Identifier: MIT
//
// The memory is the supervisor's and outlives the server, so what a request did lasts as soon as it is done.
// Over a base the data begin with a map, an entry a block of 4 KiB; a block is written completely before its
// entry says that it is there, in one store. The list of free blocks is made from the map at each start.
#pragma once

#include "libipc/proto/disk.h"
#include "servers/disk/backend.h"

struct ram_plan {
    uint64_t bytes;          // of the disk
    const uint8_t *base;     // NULL: none
    uint64_t base_bytes;     // what is beyond reads as zeros
    uint8_t *data;           // NULL: nothing can be written
    uint64_t space;          // over a base: bytes of blocks, which map and free list come before
    void (*full)(void *who); // told when it begins to be full; of many times, every power of two
    void *who;
};

struct ram {
    struct backend backend;
    struct ram_plan plan;
    uint32_t *map; // of blocks, enum ram_entry; NULL: the data are the disk
    uint8_t *blocks;
    uint32_t map_entries, block_count;
    uint32_t *free; // numbers of free blocks
    uint32_t free_count;
    bool full;
    uint32_t fulls; // times that it began to be
};

enum ram_entry { RAM_BASE, RAM_ZERO, RAM_OWN /* + number of the block */ };

// False: the map is damaged.
bool ram_open(struct ram *r, const struct ram_plan *plan);
