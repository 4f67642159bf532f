// Partitions of a disk by GPT, read.
// SPDX-License-Identifier: MIT
#include "libipc/gpt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// What a check says when it fails; it returns false.
__attribute__((format(printf, 2, 3))) static bool fail(char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, GPT_TEXT_MAX, format, arguments);
    va_end(arguments);
    return false;
}

#define LONG(x) ((unsigned long long)(x))

uint32_t gpt_crc(uint32_t crc, const void *from, size_t bytes)
{
    const uint8_t *at = from;
    crc = ~crc;
    for (; bytes; bytes--) {
        crc ^= *at++;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

// ---- one copy of the table: what is wrong with it goes into `why` ----

static bool check_header(const struct gpt_disk *disk, const uint8_t *sector, uint64_t at, char *why)
{
    struct gpt_header h;
    memcpy(&h, sector, sizeof h);
    if (memcmp(h.signature, GPT_SIGNATURE, sizeof h.signature) != 0)
        return fail(why, "no header in sector %llu", LONG(at));
    if (h.bytes < GPT_HEADER_BYTES || h.bytes > GPT_SECTOR)
        return fail(why, "a header of %u bytes in sector %llu", h.bytes, LONG(at));
    uint8_t copy[GPT_SECTOR];
    memcpy(copy, sector, sizeof copy);
    memset(copy + offsetof(struct gpt_header, crc), 0, sizeof h.crc);
    if (gpt_crc(0, copy, h.bytes) != h.crc)
        return fail(why, "the header in sector %llu does not match its sum", LONG(at));
    if (h.revision >> 16 != GPT_REVISION >> 16)
        return fail(why, "revision %x, expected %x", h.revision, GPT_REVISION);
    if (h.own != at)
        return fail(why, "the header in sector %llu says it is that of sector %llu", LONG(at), LONG(h.own));
    // between the header and its twin
    if (h.first_usable < 2 || h.first_usable > h.last_usable || h.last_usable >= disk->sectors - 1)
        return fail(why, "usable sectors %llu to %llu of %llu", LONG(h.first_usable), LONG(h.last_usable),
                    LONG(disk->sectors));
    return true;
}

// The array lies on the disk, and not where partitions may.
static bool check_array(const struct gpt_disk *disk, const struct gpt_header *h, char *why)
{
    if (h->entry_bytes < sizeof(struct gpt_entry) || h->entry_bytes > GPT_SECTOR * GPT_READ_SECTORS ||
        (h->entry_bytes & (h->entry_bytes - 1)))
        return fail(why, "entries of %u bytes", h->entry_bytes);
    if (h->entry_count == 0 || h->entry_count > GPT_ENTRIES_MAX)
        return fail(why, "%u entries, at most %u are possible", h->entry_count, GPT_ENTRIES_MAX);
    uint64_t sectors = ((uint64_t)h->entry_count * h->entry_bytes + GPT_SECTOR - 1) / GPT_SECTOR;
    if (h->entries < 2 || h->entries >= disk->sectors || sectors > disk->sectors - h->entries ||
        (h->entries <= h->last_usable && h->entries + sectors > h->first_usable))
        return fail(why, "%llu sectors of entries at sector %llu", LONG(sectors), LONG(h->entries));
    return true;
}

static bool keep(struct gpt *g, const uint8_t *from, char *why)
{
    struct gpt_entry e;
    memcpy(&e, from, sizeof e);
    if (memcmp(e.type, (uint8_t[sizeof e.type]){0}, sizeof e.type) == 0)
        return true;
    if (g->count == GPT_PARTITIONS_MAX)
        return fail(why, "more than %u partitions", GPT_PARTITIONS_MAX);
    struct gpt_partition *p = &g->partitions[g->count++];
    *p = (struct gpt_partition){.entry = e, .ascii = true};
    for (unsigned i = 0; i < GPT_NAME_UNITS && e.name[i]; i++) {
        bool ascii = e.name[i] >= ' ' && e.name[i] <= '~';
        p->name[i] = ascii ? (char)e.name[i] : '?';
        p->ascii &= ascii;
    }
    return true;
}

static bool read_entries(struct gpt *g, const struct gpt_disk *disk, char *why)
{
    const struct gpt_header *h = &g->header;
    uint8_t buffer[GPT_SECTOR * GPT_READ_SECTORS];
    uint64_t left = (uint64_t)h->entry_count * h->entry_bytes, sector = h->entries;
    uint32_t crc = 0;
    while (left) {
        uint32_t bytes = left < sizeof buffer ? (uint32_t)left : (uint32_t)sizeof buffer;
        uint32_t sectors = (bytes + GPT_SECTOR - 1) / GPT_SECTOR;
        if (!disk->read(disk->context, sector, sectors, buffer))
            return fail(why, "sector %llu cannot be read", LONG(sector));
        crc = gpt_crc(crc, buffer, bytes);
        for (uint32_t at = 0; at < bytes; at += h->entry_bytes)
            if (!keep(g, buffer + at, why))
                return false;
        sector += sectors;
        left -= bytes;
    }
    return crc == h->entries_crc || fail(why, "the entries do not match their sum");
}

// False: this copy is damaged.
static bool read_copy(struct gpt *g, const struct gpt_disk *disk, uint64_t at, char *why)
{
    uint8_t sector[GPT_SECTOR];
    g->count = 0;
    if (!disk->read(disk->context, at, 1, sector))
        return fail(why, "sector %llu cannot be read", LONG(at));
    if (!check_header(disk, sector, at, why))
        return false;
    memcpy(&g->header, sector, sizeof g->header);
    return check_array(disk, &g->header, why) && read_entries(g, disk, why);
}

// ---- what the partitions say of each other ----

static bool check_partition(struct gpt *g, const char *disk, const struct gpt_partition *p)
{
    if (p->entry.first > p->entry.last || p->entry.first < g->header.first_usable ||
        p->entry.last > g->header.last_usable)
        return fail(g->error,
                    "%s: partition '%s' takes sectors %llu to %llu, those of the disk are %llu to %llu", disk,
                    p->name, LONG(p->entry.first), LONG(p->entry.last), LONG(g->header.first_usable),
                    LONG(g->header.last_usable));
    return true;
}

static bool same_name(const struct gpt_entry *a, const struct gpt_entry *b)
{
    unsigned i = 0;
    while (i < GPT_NAME_UNITS && a->name[i] == b->name[i] && a->name[i])
        i++;
    return i == GPT_NAME_UNITS || a->name[i] == b->name[i];
}

static bool check_pair(struct gpt *g, const char *disk, const struct gpt_partition *a,
                       const struct gpt_partition *b)
{
    if (a->entry.first <= b->entry.last && b->entry.first <= a->entry.last)
        return fail(g->error, "%s: partitions '%s' (sectors %llu to %llu) and '%s' (%llu to %llu) overlap",
                    disk, a->name, LONG(a->entry.first), LONG(a->entry.last), b->name, LONG(b->entry.first),
                    LONG(b->entry.last));
    if (*a->name && same_name(&a->entry, &b->entry))
        return fail(g->error, "%s: two partitions have the name '%s' (sectors %llu to %llu and %llu to %llu)",
                    disk, a->name, LONG(a->entry.first), LONG(a->entry.last), LONG(b->entry.first),
                    LONG(b->entry.last));
    return true;
}

static bool check_partitions(struct gpt *g, const char *disk)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (!check_partition(g, disk, &g->partitions[i]))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (!check_pair(g, disk, &g->partitions[j], &g->partitions[i]))
                return false;
    }
    return true;
}

static bool is_protective(const uint8_t *mbr)
{
    bool found = false;
    for (unsigned i = 0; i < 4; i++)
        found |= mbr[GPT_MBR_TYPE + i * GPT_MBR_ENTRY_BYTES] == GPT_MBR_PROTECTIVE;
    return found && mbr[GPT_SECTOR - 2] == 0x55 && mbr[GPT_SECTOR - 1] == 0xaa;
}

// The table, or its copy with a warning.
static bool read_table(struct gpt *g, const struct gpt_disk *disk)
{
    char first[GPT_TEXT_MAX] = "", second[GPT_TEXT_MAX] = "";
    if (read_copy(g, disk, 1, first))
        return true;
    if (!read_copy(g, disk, disk->sectors - 1, second))
        return fail(g->error, "%s: the partition table (%.60s) and its copy (%.60s) are damaged", disk->name,
                    first, second);
    (void)fail(g->warning, "%s: the partition table is damaged (%.80s), its copy at the end is used",
               disk->name, first);
    return true;
}

static bool check_mbr(struct gpt *g, const struct gpt_disk *disk)
{
    uint8_t mbr[GPT_SECTOR];
    if (disk->sectors < 3)
        return fail(g->error, "%s: a disk of %llu sectors has no partition table", disk->name,
                    LONG(disk->sectors));
    if (!disk->read(disk->context, 0, 1, mbr))
        return fail(g->error, "%s: sector 0 cannot be read", disk->name);
    return is_protective(mbr) ||
           fail(g->error, "%s: no partition table: sector 0 is no protective MBR", disk->name);
}

bool gpt_read(struct gpt *g, const struct gpt_disk *disk)
{
    g->count = 0;
    *g->error = *g->warning = '\0';
    bool good = check_mbr(g, disk) && read_table(g, disk) && check_partitions(g, disk->name);
    g->count = good ? g->count : 0;
    return good;
}

const struct gpt_partition *gpt_find(const struct gpt *g, const char *name)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->partitions[i].ascii && strcmp(g->partitions[i].name, name) == 0)
            return &g->partitions[i];
    return NULL;
}
