// The client's end of a random channel.
// SPDX-License-Identifier: MIT
#include "servers/rng/channel.h"

#include <string.h>

static void ask(struct channel *c)
{
    c->asks = c->tell = true;
    __atomic_store_n(&c->shared->asked, c->shared->asked + 1, __ATOMIC_RELEASE);
}

void channel_open(struct channel *c, struct random_channel *shared)
{
    *c = (struct channel){.shared = shared};
    ask(c);
}

bool channel_ready(struct channel *c)
{
    if (c->asks && __atomic_load_n(&c->shared->answered, __ATOMIC_ACQUIRE) == c->shared->asked) {
        uint32_t bytes = __atomic_load_n(&c->shared->bytes, __ATOMIC_RELAXED);
        c->bytes = bytes < RANDOM_BYTES ? bytes : RANDOM_BYTES;
        c->used = 0;
        c->asks = false;
    }
    if (c->used == c->bytes && !c->asks)
        ask(c);
    return c->used < c->bytes;
}

// What is used is wiped: nobody reads it here later.
uint32_t channel_fill(struct channel *c, struct virtq_stream *buffer)
{
    uint8_t *from = c->shared->data + c->used;
    uint32_t bytes = (uint32_t)virtq_stream_put(buffer, from, c->bytes - c->used);
    memset(from, 0, bytes);
    c->used += bytes;
    return bytes;
}
