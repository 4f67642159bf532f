// Guest time in nanoseconds to ticks of a crystal and back, exact in 64 bits
// SPDX-License-Identifier: MIT
//
// A device that adds "one period" again and again drifts by the rounding of the period. Here every tick is
// numbered from guest time zero and converted on its own. Splitting off whole seconds first keeps the product
// below 2^64 without losing a bit: floor((s*G + r) * hz / G) = s*hz + floor(r * hz / G), with G = 10^9.
#pragma once

#include <stdint.h>

#define CLOCK_GIGA  UINT64_C(1000000000)
#define CLOCK_NEVER UINT64_MAX

// Ticks of a clock of `hz` (below 2^34) that are complete at `ns`.
static inline uint64_t clock_ticks(uint64_t ns, uint64_t hz)
{
    return ns / CLOCK_GIGA * hz + ns % CLOCK_GIGA * hz / CLOCK_GIGA;
}

// First nanosecond at which `ticks` ticks are complete: clock_ticks(clock_ns(t)) == t. Saturates at
// CLOCK_NEVER.
static inline uint64_t clock_ns(uint64_t ticks, uint64_t hz)
{
    uint64_t seconds = ticks / hz;
    if (seconds >= UINT64_MAX / CLOCK_GIGA)
        return CLOCK_NEVER;
    return seconds * CLOCK_GIGA + (ticks % hz * CLOCK_GIGA + hz - 1) / hz;
}
