// Partitions of a disk by GPT ([UEFI] 5.3): the format, and the reader of drivers and of the image builder.
// SPDX-License-Identifier: MIT
//
// What is damaged or contradicts itself is refused as a whole, with one line that says what: whoever writes
// by half a table destroys the other half.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GPT_SECTOR = 512,
    GPT_NAME_UNITS = 36,
    GPT_PARTITIONS_MAX = 128,
    GPT_ENTRIES_MAX = 1024, // that are read
    GPT_READ_SECTORS = 8,   // at once, at most
    GPT_TEXT_MAX = 224
};

#define GPT_SIGNATURE    "EFI PART"
#define GPT_REVISION     0x00010000u
#define GPT_HEADER_BYTES 92u

struct gpt_header {
    char signature[8];
    uint32_t revision, bytes, crc, reserved;
    uint64_t own, other; // sectors of this header and of its twin
    uint64_t first_usable, last_usable;
    uint8_t disk[16];
    uint64_t entries; // first sector of the array
    uint32_t entry_count, entry_bytes, entries_crc;
};
_Static_assert(offsetof(struct gpt_header, entries_crc) == 88, "[UEFI] 5.3");

struct gpt_entry {
    uint8_t type[16], unique[16]; // type all zeros: unused
    uint64_t first, last;         // sectors, both inclusive
    uint64_t attributes;
    uint16_t name[GPT_NAME_UNITS];
};
_Static_assert(sizeof(struct gpt_entry) == 128, "[UEFI] 5.3");

// The protective MBR: what is other than zero.
enum { GPT_MBR_TYPE = 446 + 4, GPT_MBR_ENTRY = 446, GPT_MBR_ENTRY_BYTES = 16, GPT_MBR_PROTECTIVE = 0xee };

struct gpt_partition {
    struct gpt_entry entry;
    char name[GPT_NAME_UNITS + 1]; // '?' for what is not ASCII
    bool ascii;                    // it can be named in a configuration
};

struct gpt {
    struct gpt_header header; // the one that is used
    uint32_t count;
    struct gpt_partition partitions[GPT_PARTITIONS_MAX];
    char error[GPT_TEXT_MAX], warning[GPT_TEXT_MAX]; // empty: none
};

struct gpt_disk {
    const char *name; // for messages
    uint64_t sectors;
    // Up to GPT_READ_SECTORS sectors. False: it cannot be read.
    bool (*read)(void *context, uint64_t sector, uint32_t sectors, void *to);
    void *context;
};

// False: there is no partition table to go by, and g->error says why, with the disk's name.
bool gpt_read(struct gpt *g, const struct gpt_disk *disk);

// NULL: no partition has that name.
const struct gpt_partition *gpt_find(const struct gpt *g, const char *name);

static inline uint64_t gpt_sectors(const struct gpt_partition *p)
{
    return p->entry.last - p->entry.first + 1;
}

// The CRC32 of the format. Of several pieces: crc is what the ones before gave, 0 at first.
uint32_t gpt_crc(uint32_t crc, const void *from, size_t bytes);
