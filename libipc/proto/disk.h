// A disk server's configuration, and the memory that it writes to.
// SPDX-License-Identifier: MIT
//
//   {"memory": bytes of the VM's RAM, "size": bytes of the disk, "store": one of disk_store_names,
//    "base": bytes of what it held at first, "space": bytes of blocks for what is written over a base in
//    memory, "queues": ..., "serial": ...}
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

// In a partition: a header, the map, whose sectors hold a checksum and entries, the blocks; each begins at a
// block.
enum { DISK_MAP_SECTOR_ENTRIES = 126 };

static inline uint64_t disk_partition_map_bytes(uint64_t size)
{
    uint64_t sectors = (disk_blocks(size) + DISK_MAP_SECTOR_ENTRIES - 1) / DISK_MAP_SECTOR_ENTRIES;
    return disk_blocks(sectors * 512) * DISK_BLOCK;
}

// The partition that a disk wants.
static inline uint64_t disk_partition_bytes(uint64_t size, bool has_base)
{
    return has_base ? DISK_BLOCK + disk_partition_map_bytes(size) + size : size;
}
