// Port accesses on a PIT, timed in its own clocks
// SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/vmm/dev/clock.h"
#include "servers/vmm/dev/pit.h"

static struct pit pit;

static inline uint64_t at(uint64_t clock)
{
    return clock_ns(clock, PIT_HZ);
}

static inline uint32_t out8(uint16_t port, uint8_t value, uint64_t clock)
{
    struct io_access io = {.port = port, .size = 1, .value = value};
    return (port == 0x61 ? pit_port61_write : pit_write)(&pit, &io, at(clock));
}

static inline uint8_t in8(uint16_t port, uint64_t clock)
{
    struct io_access io = {.port = port, .size = 1};
    return (uint8_t)(port == 0x61 ? pit_port61_read : pit_read)(&pit, &io, at(clock)).value;
}

static inline uint16_t in16(uint16_t port, uint64_t clock)
{
    uint8_t low = in8(port, clock);
    return (uint16_t)(low | in8(port, clock) << 8);
}

static inline void count16(uint16_t port, uint16_t count, uint64_t clock)
{
    out8(port, (uint8_t)count, clock);
    out8(port, (uint8_t)(count >> 8), clock);
}

static inline uint16_t latched(unsigned counter, uint64_t clock)
{
    out8(0x43, (uint8_t)(counter << 6), clock);
    return in16((uint16_t)(0x40 + counter), clock);
}

static inline uint8_t status_of(unsigned counter, uint64_t clock)
{
    out8(0x43, (uint8_t)(0xe0 | 2U << counter), clock);
    return in8((uint16_t)(0x40 + counter), clock);
}

static inline bool out_of(unsigned counter, uint64_t clock)
{
    return status_of(counter, clock) & 0x80;
}
