// How long something is waited for.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>
#include <time.h>

// A deadline, in milliseconds of the monotonic clock.
static inline uint64_t patience_from_now(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + ms;
}

// Milliseconds until then, as poll() wants them; 0: it is over.
static inline int patience_left(uint64_t deadline)
{
    uint64_t now = patience_from_now(0);
    return deadline > now ? (int)(deadline - now) : 0;
}

// Between two looks at something that cannot be waited for.
static inline void patience_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}
