// Partition tables for tests: a disk in memory, and what makes it a good one.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "libipc/gpt.h"

enum { DISK_ENTRIES = 16, DISK_ARRAY = DISK_ENTRIES * 128 / GPT_SECTOR };

static inline void disk_entry(struct gpt_entry *e, const char *name, uint64_t first, uint64_t last)
{
    memset(e, 0, sizeof *e);
    memset(e->type, 0x42, sizeof e->type);
    memset(e->unique, (int)first, sizeof e->unique);
    e->first = first;
    e->last = last;
    for (unsigned i = 0; i < GPT_NAME_UNITS && name[i]; i++)
        e->name[i] = (uint8_t)name[i];
}

// The sums of the header at `at`, and of its array.
static inline void disk_sum(uint8_t *disk, uint64_t at)
{
    struct gpt_header *h = (struct gpt_header *)(disk + at * GPT_SECTOR);
    h->entries_crc = gpt_crc(0, disk + h->entries * GPT_SECTOR, (size_t)h->entry_count * h->entry_bytes);
    h->crc = 0;
    h->crc = gpt_crc(0, h, h->bytes);
}

// Both copies of a table with these entries.
static inline void disk_table(uint8_t *disk, uint64_t sectors, const struct gpt_entry *entries,
                              uint32_t count)
{
    disk[GPT_MBR_TYPE] = GPT_MBR_PROTECTIVE;
    disk[GPT_SECTOR - 2] = 0x55;
    disk[GPT_SECTOR - 1] = 0xaa;
    for (unsigned copy = 0; copy < 2; copy++) {
        uint64_t own = copy ? sectors - 1 : 1;
        struct gpt_header *h = (struct gpt_header *)(disk + own * GPT_SECTOR);
        memset(h, 0, GPT_SECTOR);
        memcpy(h->signature, GPT_SIGNATURE, sizeof h->signature);
        h->revision = GPT_REVISION;
        h->bytes = GPT_HEADER_BYTES;
        h->own = own;
        h->other = copy ? 1 : sectors - 1;
        h->first_usable = 2 + DISK_ARRAY;
        h->last_usable = sectors - 2 - DISK_ARRAY;
        h->entries = copy ? sectors - 1 - DISK_ARRAY : 2;
        h->entry_count = DISK_ENTRIES;
        h->entry_bytes = sizeof(struct gpt_entry);
        memset(disk + h->entries * GPT_SECTOR, 0, DISK_ARRAY * GPT_SECTOR);
        memcpy(disk + h->entries * GPT_SECTOR, entries, count * sizeof *entries);
        disk_sum(disk, own);
    }
}
