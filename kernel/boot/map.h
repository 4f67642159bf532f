// What of physical memory is free
// SPDX-License-Identifier: MIT
//
// The firmware's map is kept as it comes: unsorted, overlapping, not page aligned; what the kernel takes is
// added to it. A page is free that memory covers and nothing else touches.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MAP_MAX 512

struct range {
    uint64_t base, size;
};

// Memory, or what is not or no longer free. Beyond 2^52 there is nothing.
void map_add(uint64_t base, uint64_t size, bool memory);

// An entry of a firmware's map; PVH and multiboot2 both hand it over in this form. The stride is the loader's
// word, so it may lie anywhere.
struct __attribute__((packed)) e820 {
    uint64_t base, size;
    uint32_t type, reserved;
};
void map_add_e820(const void *entries, uint32_t bytes, uint32_t stride);

// The first free range at or behind `from`, as long as it goes; size 0: there is none.
struct range map_next(uint64_t from);
// The first range at or behind `from` that is no memory.
struct range map_hole(uint64_t from);
uint64_t map_total(void);

// Takes the lowest free place of `size` bytes, aligned, that ends at or below `limit`; 0: there is none.
uint64_t map_take(uint64_t size, uint64_t align, uint64_t limit);
