// Time: ticks of the TSC, in which all deadlines are told, and nanoseconds.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#define DEADLINE_NONE UINT64_MAX

// Set when the program starts, from the kernel's measurement.
extern uint64_t tsc_khz;                // [I]
extern uint64_t tsc_per_ns, ns_per_tsc; // [I] times 2^32
extern uint64_t boot_tsc;               // [I] at the kernel's entry

void time_init(void);

static inline uint64_t now(void)
{
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t ticks_from_ns(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * tsc_per_ns >> 32);
}

static inline uint64_t ns_from_ticks(uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * ns_per_tsc >> 32);
}

// The deadline that is so many nanoseconds from now.
static inline uint64_t deadline_in(uint64_t ns)
{
    return now() + ticks_from_ns(ns);
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
