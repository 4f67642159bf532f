// A disk server's configuration, and the memory that it writes to.
// SPDX-License-Identifier: MIT
//
//   {"memory": bytes of the VM's RAM, "size": bytes of the disk, "store": one of disk_store_names,
//    "base": bytes of what it held at first, "base_sum": its disk_sum(), "partition": its name, "space":
//    bytes of blocks for what is written over a base in memory, "queues": ..., "serial": ...}
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DISK_BLOCK = 4096, DISK_QUEUES_MAX = 4, DISK_SERIAL_MAX = 20 };

// Where writes go.
enum disk_store { DISK_STORE_RAM, DISK_STORE_PARTITION, DISK_STORE_NONE };
static const char *const disk_store_names[] = {"ram", "partition", "none", NULL};

static inline uint64_t disk_blocks(uint64_t bytes)
{
    return (bytes + DISK_BLOCK - 1) / DISK_BLOCK;
}

// Memory for writes over a base: the map (a word for each block of the disk), the list of free blocks, the
// blocks themselves; each begins at a page.
static inline uint64_t disk_map_bytes(uint64_t size)
{
    return disk_blocks(disk_blocks(size) * sizeof(uint32_t)) * DISK_BLOCK;
}

static inline uint64_t disk_overlay_bytes(uint64_t size, uint64_t space)
{
    return disk_map_bytes(size) + disk_map_bytes(space) + space;
}

// Over a base a partition holds a header, a map and the disk's blocks, each at its place; each of the three
// begins at a block. The map has a bit a block, set when the block is the disk's own and no longer the
// base's: sectors of a checksum and so many words.
enum { DISK_MAP_WORDS = 126, DISK_MAP_BITS = DISK_MAP_WORDS * 32, DISK_MAP_PAGE_SECTORS = 8 };

static inline uint64_t disk_map_pages(uint64_t size)
{
    uint64_t bits = DISK_MAP_BITS * DISK_MAP_PAGE_SECTORS;
    return (disk_blocks(size) + bits - 1) / bits;
}

// The partition that a disk wants.
static inline uint64_t disk_partition_bytes(uint64_t size, bool has_base)
{
    return has_base ? DISK_BLOCK + disk_map_pages(size) * DISK_BLOCK + size : size;
}

// Memory that outlives the server: the map as it is now, behind what is known of its pages.
static inline uint64_t disk_partition_memory(uint64_t size)
{
    return disk_blocks(sizeof(uint64_t) + disk_map_pages(size)) * DISK_BLOCK +
           disk_map_pages(size) * DISK_BLOCK;
}

// Tells one base from another.
static inline uint64_t disk_sum(uint64_t sum, const void *from, size_t bytes)
{
    const uint8_t *at = from;
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
        sum = sum << 29 | sum >> 35;
    }
    return sum;
}
