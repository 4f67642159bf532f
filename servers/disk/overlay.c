// Which blocks of a partition are the disk's own.
// SPDX-License-Identifier: MIT
#include "servers/disk/overlay.h"

#include <string.h>

#include "servers/common/copy.h"

#define MAGIC "BULKOVER"

enum { VERSION = 1, PAGE_BITS = DISK_MAP_BITS * DISK_MAP_PAGE_SECTORS };

void overlay_open(struct overlay *o, uint8_t *memory)
{
    o->pages = disk_map_pages(o->size);
    o->loaded = (uint64_t *)(void *)memory;
    o->dirty = memory + sizeof *o->loaded;
    o->map =
        (struct overlay_sector *)(void *)(memory + disk_partition_memory(o->size) - o->pages * DISK_BLOCK);
}

static uint32_t *word_of(const struct overlay *o, uint64_t block)
{
    return &o->map[block / DISK_MAP_BITS].word[block % DISK_MAP_BITS / 32];
}

bool overlay_owns(const struct overlay *o, uint64_t block)
{
    return *word_of(o, block) >> block % 32 & 1;
}

// It is known to be dirty before it is.
void overlay_own(struct overlay *o, uint64_t block)
{
    uint32_t *word = word_of(o, block);
    __atomic_store_n(&o->dirty[block / PAGE_BITS], 1, __ATOMIC_RELEASE);
    __atomic_store_n(word, *word | UINT32_C(1) << block % 32, __ATOMIC_RELEASE);
}

void overlay_copy_base(const struct overlay *o, uint64_t offset, uint8_t *to, uint64_t bytes)
{
    uint64_t there = offset < o->base_bytes ? o->base_bytes - offset : 0;
    uint64_t part = there < bytes ? there : bytes;
    copy_bytes(to, o->base + (part ? offset : 0), part);
    zero_bytes(to + part, bytes - part);
}

struct overlay_header overlay_header(const struct overlay *o)
{
    struct overlay_header h = {.magic = MAGIC,
                               .version = VERSION,
                               .block = DISK_BLOCK,
                               .size = o->size,
                               .base_bytes = o->base_bytes,
                               .base_sum = o->base_sum};
    h.sum = disk_sum(VERSION, &h, offsetof(struct overlay_header, sum));
    return h;
}

enum overlay_found overlay_judge(const struct overlay *o, const void *header)
{
    static const struct overlay_header nothing;
    struct overlay_header mine = overlay_header(o);
    if (memcmp(header, &nothing, sizeof nothing) == 0)
        return OVERLAY_NEW;
    return memcmp(header, &mine, sizeof mine) == 0 ? OVERLAY_GOOD : OVERLAY_OTHER;
}

static uint64_t sum_of(const struct overlay_sector *s)
{
    static const uint32_t none[DISK_MAP_WORDS];
    if (memcmp(s->word, none, sizeof none) == 0)
        return 0;
    uint64_t sum = disk_sum(VERSION, s->word, sizeof s->word);
    return sum ? sum : 1;
}

bool overlay_load(struct overlay *o, uint64_t page, const void *from)
{
    struct overlay_sector *to = o->map + page * DISK_MAP_PAGE_SECTORS;
    memcpy(to, from, DISK_BLOCK);
    for (uint32_t i = 0; i < DISK_MAP_PAGE_SECTORS; i++)
        if (to[i].sum != sum_of(&to[i]))
            return false;
    o->dirty[page] = 0;
    return true;
}

void overlay_store(struct overlay *o, uint64_t page, void *to)
{
    struct overlay_sector *from = o->map + page * DISK_MAP_PAGE_SECTORS;
    for (uint32_t i = 0; i < DISK_MAP_PAGE_SECTORS; i++)
        from[i].sum = sum_of(&from[i]);
    memcpy(to, from, DISK_BLOCK);
}

uint64_t overlay_dirty(const struct overlay *o, uint64_t page)
{
    while (page < o->pages && !o->dirty[page])
        page++;
    return page;
}
