// Which blocks of a partition are the disk's own, and which still the base's.
// SPDX-License-Identifier: MIT
//
// The map lies in memory that outlives the server, and goes to the partition with a flush: first the blocks,
// then, when these are on the disk, the bits that say so. So whatever is cut off where, a block is what it
// was before or what was written last. A sector of the map is written whole or not at all, as disks do.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/disk.h"

enum { OVERLAY_SECTOR = 512 };

struct overlay_header {
    char magic[8];
    uint32_t version, block;
    uint64_t size, base_bytes, base_sum;
    uint64_t sum; // of what is before
};

struct overlay_sector {
    uint64_t sum; // of the words; 0: all of them are zero
    uint32_t word[DISK_MAP_WORDS];
};
_Static_assert(sizeof(struct overlay_sector) == OVERLAY_SECTOR, "a sector");

struct overlay {
    uint64_t size, base_bytes, base_sum;
    const uint8_t *base;
    uint64_t *loaded; // in the memory: the map is there
    uint8_t *dirty;   // ... a byte a page of the map: to be written
    struct overlay_sector *map;
    uint64_t pages;
};

void overlay_open(struct overlay *o, uint8_t *memory);

// Where in the partition, in sectors.
static inline uint64_t overlay_map_at(uint64_t page)
{
    return (1 + page) * (DISK_BLOCK / OVERLAY_SECTOR);
}

static inline uint64_t overlay_data_at(const struct overlay *o, uint64_t sector)
{
    return overlay_map_at(o->pages) + sector;
}

bool overlay_owns(const struct overlay *o, uint64_t block);
void overlay_own(struct overlay *o, uint64_t block);

// What the base has at these bytes of the disk.
void overlay_copy_base(const struct overlay *o, uint64_t offset, uint8_t *to, uint64_t bytes);

// The header that this disk wants; and what a header found in the partition is.
struct overlay_header overlay_header(const struct overlay *o);
enum overlay_found { OVERLAY_NEW, OVERLAY_GOOD, OVERLAY_OTHER /* of another disk or base, or none */ };
enum overlay_found overlay_judge(const struct overlay *o, const void *header);

// A page of the map, as the partition has it. False: it is damaged.
bool overlay_load(struct overlay *o, uint64_t page, const void *from);
void overlay_store(struct overlay *o, uint64_t page, void *to);

// The next page from `page` on that is to be written; `pages` if there is none.
uint64_t overlay_dirty(const struct overlay *o, uint64_t page);
