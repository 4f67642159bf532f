// Sorted lists of page ranges
// SPDX-License-Identifier: MIT
//
// Firmware's maps are unsorted, overlap, touch and are not page aligned. A list here is always sorted,
// disjoint, without touching neighbours and page aligned; when it is full the smallest range is given up,
// which loses a little memory and nothing else.
#pragma once

#include "kernel/boot/boot.h"

// Adds the whole pages in [base, base + size). Overlap is fine. Beyond 2^52 there is no memory.
void range_add(struct range_list *list, uint64_t base, uint64_t size);

// Takes away every page that [base, base + size) touches.
void range_remove(struct range_list *list, uint64_t base, uint64_t size);

// One entry of a firmware's map; PVH and multiboot2 both hand it over in this form. Type 1 is memory; any
// other type wins over it where they overlap. The list becomes `count` entries `stride` bytes apart, without
// the page at 0.
struct e820 {
    uint64_t base, size;
    uint32_t type, reserved;
};
void range_from_e820(struct range_list *list, const void *entries, uint32_t count, uint32_t stride);

uint64_t range_total(const struct range_list *list);

// The lowest place for size bytes, aligned (a power of two), that ends at or below limit; 0 when there is
// none.
uint64_t range_find(const struct range_list *list, uint64_t size, uint64_t align, uint64_t limit);
