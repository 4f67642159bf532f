// Where partitions of a host disk go: the ones that are there stay, new ones take the first room.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/gpt.h"
#include "tools/arena.h"
#include "tools/report.h"

enum {
    DISK_ALIGN = 2048, // sectors: partitions begin at whole MiB
    DISK_ENTRIES = GPT_PARTITIONS_MAX,
    DISK_ENTRY_SECTORS = DISK_ENTRIES * sizeof(struct gpt_entry) / GPT_SECTOR,
    DISK_FIRST_USABLE = 2 + DISK_ENTRY_SECTORS,
    DISK_TAIL = 1 + DISK_ENTRY_SECTORS // behind the last usable sector
};

// A partition that is wanted.
struct disk_part {
    const char *name;
    uint64_t bytes;      // a multiple of GPT_SECTOR
    unsigned line;       // of the configuration
    const char *content; // a file that it begins with; NULL: zeros
};

struct disk_layout {
    uint64_t sectors; // of the disk
    size_t count;
    struct disk_place {
        const struct disk_part *part;
        uint64_t first, sectors;
        const struct gpt_partition *kept; // NULL: it is new
    } places[DISK_ENTRIES];
};

// What is there, for the layout to keep.
struct disk_old {
    const struct gpt *table;
    uint64_t sectors;
    const char *path; // for messages
    bool (*has_data)(void *context, const struct gpt_partition *p);
    void *context;
    bool replace; // data may be lost
};

// False: something was reported, and nothing is to be written.
bool disk_layout_make(struct report *r, const struct disk_old *old, const struct list *parts,
                      struct disk_layout *to);
