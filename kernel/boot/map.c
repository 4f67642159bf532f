// What of physical memory is free
// SPDX-License-Identifier: MIT

#include "kernel/boot/map.h"

#include "kernel/lib/print.h"
#include "kernel/platform/layout.h"

#define PHYS_LIMIT  (1ul << 52) // [SDM] 3A 4.1.4: MAXPHYADDR is at most 52
#define E820_MEMORY 1

static struct {
    uint64_t base, end; // page aligned
    bool memory;
} map[MAP_MAX];
static uint32_t count;

static uint64_t round_up(uint64_t a, uint64_t align)
{
    return (a + align - 1) & ~(align - 1);
}

// Memory is what has whole pages, everything else what touches one.
void map_add(uint64_t base, uint64_t size, bool memory)
{
    if (base >= PHYS_LIMIT || size == 0)
        return;
    uint64_t end = size < PHYS_LIMIT - base ? base + size : PHYS_LIMIT;
    if (count == MAP_MAX)
        panic("boot: the memory map has more than %u entries", MAP_MAX);
    map[count].base = memory ? round_up(base, PAGE_SIZE) : base & ~(PAGE_SIZE - 1ul);
    map[count].end = memory ? end & ~(PAGE_SIZE - 1ul) : round_up(end, PAGE_SIZE);
    map[count++].memory = memory;
}

void map_add_e820(const void *entries, uint32_t bytes, uint32_t stride)
{
    for (uint32_t at = 0; stride >= sizeof(struct e820) && bytes - at >= stride; at += stride) {
        const struct e820 *e = (const void *)((const char *)entries + at);
        map_add(e->base, e->size, e->type == E820_MEMORY);
    }
}

// How far entries of the kind reach without a gap; `at` when none holds it.
static uint64_t reach(uint64_t at, bool memory)
{
    for (uint32_t i = 0; i < count; i++)
        if (map[i].memory == memory && map[i].base <= at && map[i].end > at)
            return reach(map[i].end, memory);
    return at;
}

// Where the next entry of the kind begins behind `at`.
static uint64_t next_start(uint64_t at, bool memory)
{
    uint64_t start = PHYS_LIMIT;
    for (uint32_t i = 0; i < count; i++)
        if (map[i].memory == memory && map[i].base > at && map[i].base < start)
            start = map[i].base;
    return start;
}

struct range map_next(uint64_t from)
{
    uint64_t end, taken, limit;
    while ((taken = reach(from, false)) > from || (end = reach(from, true)) == from) {
        from = taken > from ? taken : next_start(from, true);
        if (from == PHYS_LIMIT)
            return (struct range){0};
    }
    limit = next_start(from, false);
    return (struct range){from, (end < limit ? end : limit) - from};
}

struct range map_hole(uint64_t from)
{
    from = reach(from, true);
    return (struct range){from, next_start(from, true) - from};
}

uint64_t map_total(void)
{
    uint64_t total = 0;
    for (struct range r = map_next(0); r.size; r = map_next(r.base + r.size))
        total += r.size;
    return total;
}

uint64_t map_take(uint64_t size, uint64_t align, uint64_t limit)
{
    for (struct range r = map_next(0); r.size; r = map_next(r.base + r.size)) {
        uint64_t base = round_up(r.base, align), end = r.base + r.size;
        if (base + size > (end < limit ? end : limit))
            continue;
        map_add(base, size, false);
        return base;
    }
    return 0;
}
