// Physical memory and tables for tests of the two ACPI readers
// SPDX-License-Identifier: MIT
//
// Each view is a heap copy of exactly the asked length, so that the sanitizer sees a step beyond a table.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *memory; // physical address 0 onwards
static size_t memory_size;
static struct view {
    struct view *next;
    uint8_t bytes[];
} * views;
static bool mend; // make every checksum right, so that a fuzzer gets past them

static void mend_sum(uint8_t *p, size_t length, size_t at)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)(p[at] - sum);
}

static void forget_views(void)
{
    for (struct view *v; (v = views);) {
        views = v->next;
        free(v);
    }
}

static const void *view_of(uint64_t phys, uint64_t length)
{
    if (phys == 0 || phys > memory_size || length > memory_size - phys)
        return NULL;
    struct view *v = malloc(sizeof *v + length);
    v->next = views;
    views = v;
    uint8_t *p = memcpy(v->bytes, memory + phys, length);
    if (mend && length >= 36 && memcmp(p, "RSD PTR ", 8) == 0) {
        mend_sum(p, 20, 8);
        mend_sum(p, 36, 32);
    } else if (mend && length >= 36) {
        mend_sum(p, length, 9);
    }
    return p;
}
