// Where partitions of a host disk go.
// SPDX-License-Identifier: MIT
#include "tools/disk_layout.h"

#include <string.h>

static const struct disk_part *part(const struct list *parts, size_t i)
{
    return (const struct disk_part *)parts->items + i;
}

static unsigned long long kib(uint64_t sectors)
{
    return sectors * GPT_SECTOR / 1024;
}

static const struct disk_part *find_part(const struct list *parts, const char *name)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(part(parts, i)->name, name) == 0)
            return part(parts, i);
    return NULL;
}

static bool may_go(const struct disk_old *old, const struct gpt_partition *p)
{
    return old->replace || !old->has_data(old->context, p);
}

// The old partition that stays as this one. New content is a new partition, and so is one that is in the way
// of the table.
static const struct gpt_partition *kept_as(const struct disk_old *old, const struct disk_part *p)
{
    const struct gpt_partition *found = gpt_find(old->table, p->name);
    bool stays = found && gpt_sectors(found) == p->bytes / GPT_SECTOR && !p->content &&
                 found->entry.first >= DISK_FIRST_USABLE;
    return stays ? found : NULL;
}

static void check_old(struct report *r, const struct disk_old *old, const struct list *parts,
                      const struct gpt_partition *p)
{
    const struct disk_part *wanted = p->ascii ? find_part(parts, p->name) : NULL;
    if ((wanted && kept_as(old, wanted)) || may_go(old, p))
        return;
    if (!wanted)
        report_error(
            r, 0, "partition '%s' of %s holds data, but no disk here has it: disk-image --replace drops it",
            p->name, old->path);
    else if (wanted->content)
        report_error(r, wanted->line, "partition '%s' of %s holds data: disk-image --replace puts %s there",
                     p->name, old->path, wanted->content);
    else
        report_error(r, wanted->line,
                     "partition '%s' of %s has %llu KiB and holds data, expected %llu KiB: disk-image "
                     "--replace drops it",
                     p->name, old->path, kib(gpt_sectors(p)), kib(wanted->bytes / GPT_SECTOR));
}

static void check_part(struct report *r, const struct list *parts, size_t i)
{
    const struct disk_part *p = part(parts, i);
    if (!*p->name || strlen(p->name) > GPT_NAME_UNITS)
        report_error(r, p->line, "partition: '%s', expected a name of up to %d characters", p->name,
                     GPT_NAME_UNITS);
    if (!p->bytes || p->bytes % GPT_SECTOR || p->bytes > UINT64_MAX / 1024)
        report_error(r, p->line, "partition '%s': %llu bytes, expected whole sectors of %d", p->name,
                     (unsigned long long)p->bytes, GPT_SECTOR);
    if (find_part(parts, p->name) != p)
        report_error(r, p->line, "partition: '%s' is that of line %u already, expected another", p->name,
                     find_part(parts, p->name)->line);
}

static uint64_t align(uint64_t sector)
{
    return (sector + DISK_ALIGN - 1) / DISK_ALIGN * DISK_ALIGN;
}

static const struct disk_place *overlapped(const struct disk_layout *l, uint64_t first, uint64_t sectors)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->places[i].sectors && first < l->places[i].first + l->places[i].sectors &&
            l->places[i].first < first + sectors)
            return &l->places[i];
    return NULL;
}

static void place_new(struct disk_layout *l, struct disk_place *place)
{
    uint64_t first = DISK_ALIGN, sectors = place->part->bytes / GPT_SECTOR;
    for (const struct disk_place *other; (other = overlapped(l, first, sectors));)
        first = align(other->first + other->sectors);
    place->first = first;
    place->sectors = sectors;
}

// The kept ones have their places before the first new one looks for room.
static void place_all(struct disk_layout *l, const struct disk_old *old, const struct list *parts)
{
    l->count = parts->count;
    for (size_t i = 0; i < l->count; i++) {
        const struct gpt_partition *kept = kept_as(old, part(parts, i));
        l->places[i] = (struct disk_place){.part = part(parts, i), .kept = kept};
        if (kept) {
            l->places[i].first = kept->entry.first;
            l->places[i].sectors = gpt_sectors(kept);
        }
    }
    l->sectors = old->sectors > 2 * DISK_ALIGN ? old->sectors : 2 * DISK_ALIGN;
    for (size_t i = 0; i < l->count; i++) {
        struct disk_place *p = &l->places[i];
        if (!p->kept)
            place_new(l, p);
        if (l->sectors < p->first + p->sectors + DISK_TAIL)
            l->sectors = align(p->first + p->sectors) + DISK_ALIGN;
    }
}

bool disk_layout_make(struct report *r, const struct disk_old *old, const struct list *parts,
                      struct disk_layout *to)
{
    unsigned errors = r->errors;
    *to = (struct disk_layout){0};
    if (parts->count > DISK_ENTRIES)
        return report_error(r, 0, "%zu partitions, at most %d are possible", parts->count, DISK_ENTRIES);
    for (size_t i = 0; i < parts->count; i++)
        check_part(r, parts, i);
    for (uint32_t i = 0; i < old->table->count; i++)
        check_old(r, old, parts, &old->table->partitions[i]);
    if (r->errors != errors)
        return false;
    place_all(to, old, parts);
    return true;
}
