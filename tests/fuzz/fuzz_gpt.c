// Fuzzes the reader of partition tables: whatever the disk says, what comes out fits the disk.
// SPDX-License-Identifier: MIT
// LINK: libipc/gpt.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/gpt_disk.h"

enum { SECTORS = 128 };

static _Alignas(8) uint8_t disk[SECTORS * GPT_SECTOR];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static bool read_sectors(void *context, uint64_t sector, uint32_t sectors, void *to)
{
    (void)context;
    must(sectors && sectors <= GPT_READ_SECTORS && sector < SECTORS && sectors <= SECTORS - sector);
    memcpy(to, disk + sector * GPT_SECTOR, sectors * GPT_SECTOR);
    return true;
}

// What the input says lies over the entries and the headers of a good table, whose sums are made to fit if
// its first byte says so.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gpt g;
    struct gpt_entry entries[2];
    if (size < 1)
        return 0;
    memset(disk, 0, sizeof disk);
    disk_entry(&entries[0], "a", 6, 20);
    disk_entry(&entries[1], "b", 21, 122);
    disk_table(disk, SECTORS, entries, 2);
    for (size_t i = 1; i + 2 < size; i += 3) {
        size_t at = (size_t)data[i] << 8 | data[i + 1];
        disk[(data[0] & 2 ? at : GPT_SECTOR + at % (2 * GPT_SECTOR)) % sizeof disk] = data[i + 2];
    }
    struct gpt_header *h = (struct gpt_header *)(disk + GPT_SECTOR);
    bool inside = h->entries < SECTORS && h->entry_count < 64 && h->entry_bytes <= 256 && h->bytes <= 512 &&
                  h->entries * GPT_SECTOR + (uint64_t)h->entry_count * h->entry_bytes <= sizeof disk;
    if (data[0] & 1 && inside)
        disk_sum(disk, 1);
    bool good = gpt_read(&g, &(struct gpt_disk){"d", SECTORS, read_sectors, NULL});
    must(good == !*g.error && strlen(g.error) < GPT_TEXT_MAX && g.count <= GPT_PARTITIONS_MAX);
    for (uint32_t i = 0; i < g.count; i++) {
        const struct gpt_entry *e = &g.partitions[i].entry;
        must(good && e->first >= 2 && e->first <= e->last && e->last < SECTORS);
        for (uint32_t j = 0; j < i; j++)
            must(e->first > g.partitions[j].entry.last || e->last < g.partitions[j].entry.first);
    }
    return 0;
}
