// Guest memory as a device reaches it: an address and a length are checked once, then it is a pointer.
// SPDX-License-Identifier: MIT
//
// As on a PC: RAM from 0 to 3 GiB, what is more from 4 GiB on, devices between. All of it is mapped at its
// guest-physical address plus `base`. Whatever is read there may change at any time: read once, then check.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GUEST_HOLE (UINT64_C(3) << 30)
#define GUEST_HIGH (UINT64_C(4) << 30)

struct guest_memory {
    uint8_t *base;
    uint64_t low;  // bytes from 0 on
    uint64_t high; // bytes from GUEST_HIGH on
};

static inline struct guest_memory guest_memory(uint8_t *base, uint64_t bytes)
{
    uint64_t low = bytes < GUEST_HOLE ? bytes : GUEST_HOLE;
    return (struct guest_memory){base, low, bytes - low};
}

// NULL: some of these bytes are no RAM.
static inline uint8_t *guest_at(const struct guest_memory *m, uint64_t gpa, uint64_t bytes)
{
    if (gpa < m->low && bytes <= m->low - gpa)
        return m->base + gpa;
    if (gpa >= GUEST_HIGH && gpa - GUEST_HIGH < m->high && bytes <= m->high - (gpa - GUEST_HIGH))
        return m->base + gpa;
    return NULL;
}
