// Free RAM: the kernel gives it as one memory object a region.
// SPDX-License-Identifier: MIT
//
// Pages are taken from the ends of the regions, the largest first, so that what is left for the guests stays
// in one piece and its 2 MiB pages stay whole.
#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum { SUPPLY_MAX = 512 };

static uint64_t left[ROOT_RAM_REGIONS_MAX]; // pages, from each region's first

void stock_init(void)
{
    for (uint32_t i = 0; i < init.info.ram_regions; i++)
        left[i] = init.info.ram_pages[i];
}

static uint32_t largest(void)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < init.info.ram_regions; i++)
        if (left[i] > left[best])
            best = i;
    return best;
}

void stock_take(uint32_t memory, uint64_t page, uint64_t pages, struct json_text why)
{
    while (pages) {
        uint32_t i = largest();
        uint64_t n = pages < SUPPLY_MAX ? pages : SUPPLY_MAX;
        n = n < left[i] ? n : left[i];
        if (!n)
            fatal("too little memory: %.*s wants %llu KiB more", (int)why.length, why.at,
                  (unsigned long long)pages * 4);
        uint64_t from = init.info.ram_first[i] + left[i] - n;
        enum status s = sys_supply(memory, page, ROOT_SLOT_RAM + i, from, n, SUPPLY_MOVE);
        if (s != STATUS_OK)
            fatal("%.*s: its memory cannot be supplied: %s", (int)why.length, why.at, status_name(s));
        left[i] -= n;
        page += n;
        pages -= n;
    }
}

uint64_t stock_pages(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < init.info.ram_regions; i++)
        sum += left[i];
    return sum;
}

// How long the objects are is what their creator knows: the kernel makes them long enough and never short.
static uint64_t object_pages(uint32_t region)
{
    const struct info_memory *info = (const struct info_memory *)(const void *)utcb()->words;
    return sys_info(ROOT_SLOT_RAM + region, INFO_OBJECT) == STATUS_OK ? info->pages : 0;
}

void stock_table(struct pool_table *table)
{
    table->count = init.info.ram_regions;
    for (uint32_t i = 0; i < init.info.ram_regions; i++)
        table->pool[i] =
            (struct pool){.first = init.info.ram_first[i], .pages = left[i], .object_pages = object_pages(i)};
}
