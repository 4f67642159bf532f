// Physical memory for tests of the ACPI reader
// SPDX-License-Identifier: MIT
//
// Stands in for the kernel's temporary window: each view is a heap copy of exactly the asked length and dies
// with the next, so that the sanitizer sees a step beyond a table and the use of a view that is gone.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/print.h"
#include "kernel/platform/platform.h"

static const uint8_t *memory; // physical address 0 onwards
static size_t memory_size;
static void *view;
static bool mend; // make every checksum right, so that a fuzzer gets past them

void temp_unmap(void)
{
    free(view);
    view = NULL;
}

static void mend_sum(uint8_t *p, size_t length, size_t at)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)(p[at] - sum);
}

const void *temp_map(uint64_t phys, size_t length)
{
    temp_unmap();
    if (phys > memory_size || length > memory_size - phys)
        return NULL;
    uint8_t *p = malloc(length);
    view = memcpy(p, memory + phys, length);
    if (mend && length >= 36 && memcmp(p, "RSD PTR ", 8) == 0) {
        mend_sum(p, 20, 8);
        mend_sum(p, 36, 32);
    } else if (mend && length >= 36) {
        mend_sum(p, length, 9);
    }
    return view;
}

void kprintf(const char *format, ...)
{
    (void)format;
}
