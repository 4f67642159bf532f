// Free RAM: the kernel gives it as one memory object a region.
// SPDX-License-Identifier: MIT
//
// The pager gets what is left when the machine starts, but for a reserve: from that, VMs that are added later
// get what the supervisor fills, and into it goes what those had that are destroyed. It is one memory object
// with frames in its first slots: which frame lies where is all the same.
//
// Pages are taken from the ends of the regions, the largest first, so that what is left for the guests stays
// in one piece and its 2 MiB pages stay whole.
#include "libipc/log.h"
#include "libipc/proto/init.h"
#include "libipc/status.h"
#include "libipc/syscall.h"
#include "servers/init/init.h"

enum {
    SUPPLY_MAX = 512,
    LARGE = 512 /* pages of 2 MiB */,
    RESERVE_PART = 32,
    RESERVE_MAX = 16384 /* 64 MiB */
};

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

static struct {
    bool open; // from now on pages come from here
    uint64_t pages;
} reserve;

// A 2 MiB page whole, which takes no page table: from the beginning of a region, because at its end odd pages
// go.
static bool take_large(uint32_t memory, uint64_t page)
{
    uint32_t i = largest();
    uint64_t skip = -init.info.ram_first[i] % LARGE;
    if (left[i] < skip + LARGE || sys_supply(memory, page, ROOT_SLOT_RAM + i, init.info.ram_first[i] + skip,
                                             LARGE, SUPPLY_LARGE) != STATUS_OK)
        return false;
    init.info.ram_first[i] += skip + LARGE;
    left[i] -= skip + LARGE;
    return true;
}

static uint64_t take_large_ones(uint32_t memory, uint64_t page, uint64_t pages)
{
    uint64_t taken = 0;
    while (page % LARGE == 0 && pages - taken >= LARGE && take_large(memory, page + taken))
        taken += LARGE;
    return taken;
}

void stock_take(uint32_t memory, uint64_t page, uint64_t pages, struct json_text why)
{
    if (!reserve.open && pages > LARGE) { // a smaller object has one page table
        uint64_t taken = take_large_ones(memory, page, pages);
        page += taken;
        pages -= taken;
    }
    for (uint64_t n; pages; page += n, pages -= n) {
        uint32_t i = largest();
        uint32_t source = reserve.open ? SLOT_RESERVE : ROOT_SLOT_RAM + i;
        uint64_t first = reserve.open ? 0 : init.info.ram_first[i];
        uint64_t *rest = reserve.open ? &reserve.pages : &left[i];
        n = pages < SUPPLY_MAX ? pages : SUPPLY_MAX;
        n = n < *rest ? n : *rest;
        if (!n)
            fatal("too little memory: %.*s wants %llu KiB more", (int)why.length, why.at,
                  (unsigned long long)pages * 4);
        enum status s = sys_supply(memory, page, source, first + *rest - n, n, SUPPLY_MOVE);
        if (s != STATUS_OK)
            fatal("%.*s: its memory cannot be supplied: %s", (int)why.length, why.at, status_name(s));
        *rest -= n;
    }
}

static bool moves(uint32_t memory, uint64_t page, uint64_t pages)
{
    return sys_withdraw(memory, page, SLOT_RESERVE, reserve.pages, pages, SUPPLY_MOVE) == STATUS_OK;
}

// One of few pages, or with gaps.
static void give_singly(uint32_t memory, uint64_t pages)
{
    for (uint64_t page = 0; page < pages; page++)
        if (moves(memory, page, 1) &&
            sys_protect(SLOT_RESERVE, reserve.pages, 1, RIGHT_READ | RIGHT_WRITE) == STATUS_OK)
            reserve.pages++;
}

void stock_give(uint32_t memory)
{
    const struct info_memory *info = info_of(memory);
    if (!reserve.open || !info || info->filled == info->borrowed)
        return;
    uint64_t pages = info->pages;
    bool whole = info->filled == pages && !info->borrowed;
    if (!whole)
        give_singly(memory, pages);
    for (uint64_t page = 0, n; whole && page < pages; page += n) {
        n = pages - page < SUPPLY_MAX ? pages - page : SUPPLY_MAX;
        if (moves(memory, page, n))
            reserve.pages += n;
    }
}

void stock_reserve(void)
{
    static const struct json_text why = {"the reserve", 11};
    uint64_t all = stock_pages(), pages = all / RESERVE_PART < RESERVE_MAX ? all / RESERVE_PART : RESERVE_MAX;
    if (sys_create(OBJECT_MEMORY, SLOT_RESERVE, ROOT_SLOT_PROCESS, all + SUPPLY_MAX, SLOT_NONE, SLOT_NONE,
                   0) != STATUS_OK)
        fatal("the reserve of memory cannot be made");
    stock_take(SLOT_RESERVE, 0, pages, why);
    reserve.pages = pages;
    reserve.open = true;
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
    const struct info_memory *info = info_of(ROOT_SLOT_RAM + region);
    return info ? info->pages : 0;
}

void stock_table(struct pool_table *table)
{
    table->count = init.info.ram_regions;
    for (uint32_t i = 0; i < init.info.ram_regions; i++)
        table->pool[i] =
            (struct pool){.first = init.info.ram_first[i], .pages = left[i], .object_pages = object_pages(i)};
}
