// Sorted lists of page ranges
// SPDX-License-Identifier: MIT

#include "kernel/boot/ranges.h"

#include "kernel/lib/string.h"
#include "kernel/platform/layout.h"

#define PHYS_LIMIT (1ul << 52) // [SDM] 3A 4.1.4: MAXPHYADDR is at most 52

#define E820_MEMORY 1

static uint64_t round_up(uint64_t a, uint64_t align)
{
    return (a + align - 1) & ~(align - 1);
}

// base + size without overflow, within the physical address space.
static uint64_t end_of(uint64_t base, uint64_t size)
{
    if (base >= PHYS_LIMIT)
        return PHYS_LIMIT;
    return size < PHYS_LIMIT - base ? base + size : PHYS_LIMIT;
}

static void delete_at(struct range_list *list, uint32_t at)
{
    list->count--;
    for (uint32_t i = at; i < list->count; i++)
        list->range[i] = list->range[i + 1];
}

static uint32_t smallest(const struct range_list *list)
{
    uint32_t min = 0;
    for (uint32_t i = 1; i < list->count; i++)
        if (list->range[i].size < list->range[min].size)
            min = i;
    return min;
}

static void insert(struct range_list *list, struct range r)
{
    if (list->count == BOOT_RANGES_MAX) {
        uint32_t min = smallest(list);
        if (list->range[min].size >= r.size)
            return;
        delete_at(list, min);
    }
    uint32_t at = list->count++;
    for (; at > 0 && list->range[at - 1].base > r.base; at--)
        list->range[at] = list->range[at - 1];
    list->range[at] = r;
}

// Adds [base, end), page aligned, together with what it touches.
static void add_pages(struct range_list *list, uint64_t base, uint64_t end)
{
    if (base >= end)
        return;
    for (uint32_t i = 0; i < list->count;) {
        struct range r = list->range[i];
        if (r.base > end || r.base + r.size < base) {
            i++;
            continue;
        }
        base = r.base < base ? r.base : base;
        end = r.base + r.size > end ? r.base + r.size : end;
        delete_at(list, i);
    }
    insert(list, (struct range){base, end - base});
}

void range_add(struct range_list *list, uint64_t base, uint64_t size)
{
    uint64_t end = end_of(base, size);
    if (base < PHYS_LIMIT)
        add_pages(list, round_up(base, PAGE_SIZE), end & ~(uint64_t)(PAGE_SIZE - 1));
}

void range_remove(struct range_list *list, uint64_t base, uint64_t size)
{
    if (size == 0 || base >= PHYS_LIMIT)
        return;
    uint64_t end = round_up(end_of(base, size), PAGE_SIZE);
    base &= ~(uint64_t)(PAGE_SIZE - 1);
    struct range_list old = *list;
    list->count = 0;
    for (uint32_t i = 0; i < old.count; i++) {
        uint64_t low = old.range[i].base, high = low + old.range[i].size;
        add_pages(list, low, high < base ? high : base);
        add_pages(list, low > end ? low : end, high);
    }
}

// The stride is the loader's word, so an entry may lie anywhere.
static struct e820 entry_at(const void *entries, uint64_t offset)
{
    struct e820 entry;
    memcpy(&entry, (const char *)entries + offset, sizeof entry);
    return entry;
}

void range_from_e820(struct range_list *list, const void *entries, uint32_t count, uint32_t stride)
{
    list->count = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct e820 e = entry_at(entries, i * stride);
        if (e.type == E820_MEMORY)
            range_add(list, e.base, e.size);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct e820 e = entry_at(entries, i * stride);
        if (e.type != E820_MEMORY)
            range_remove(list, e.base, e.size);
    }
    range_remove(list, 0, PAGE_SIZE);
}

uint64_t range_total(const struct range_list *list)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < list->count; i++)
        total += list->range[i].size;
    return total;
}

uint64_t range_find(const struct range_list *list, uint64_t size, uint64_t align, uint64_t limit)
{
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t base = round_up(list->range[i].base, align);
        uint64_t end = list->range[i].base + list->range[i].size;
        end = end < limit ? end : limit;
        if (base < end && end - base >= size)
            return base;
    }
    return 0;
}
