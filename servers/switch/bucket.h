// A token bucket, exact: it is counted in tokens per second times ticks of the clock, and nothing is rounded.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_RATE_MAX  (UINT64_C(1) << 40) // tokens a second
#define BUCKET_BURST_MAX (UINT64_C(1) << 30) // tokens; times ticks a second it fits into 64 bits

struct bucket_plan {
    uint64_t rate; // tokens a second; 0: no limit
    uint64_t burst;
};

struct bucket {
    uint64_t level; // tokens, times ticks a second
    uint64_t at;    // the tick that it was counted at
};

// Full.
static inline struct bucket bucket_begin(const struct bucket_plan *p, uint64_t hz, uint64_t now)
{
    return (struct bucket){p->burst * hz, now};
}

// What has come since. A clock that went back brings nothing.
static inline void bucket_fill(struct bucket *b, const struct bucket_plan *p, uint64_t hz, uint64_t now)
{
    uint64_t full = p->burst * hz, level = b->level < full ? b->level : full;
    uint64_t ticks = now > b->at ? now - b->at : 0;
    b->level = ticks > (full - level) / p->rate ? full : level + ticks * p->rate;
    b->at = now;
}

static inline bool bucket_has(const struct bucket *b, uint64_t hz, uint64_t tokens)
{
    return tokens <= b->level / hz;
}

static inline void bucket_take(struct bucket *b, uint64_t hz, uint64_t tokens)
{
    b->level -= tokens * hz;
}
