// The client's end of a random channel.
// SPDX-License-Identifier: MIT
//
// A stock of up to RANDOM_BYTES, which is asked for anew when it is used up. No system calls.
#pragma once

#include <stdbool.h>

#include "libipc/proto/random.h"
#include "servers/common/virtq_stream.h"

struct channel {
    struct random_channel *shared;
    uint32_t used, bytes; // of the answer that is there; the same: none is
    bool asks;            // for what has not come
    bool tell;            // the driver is to be signalled
};

// A dead incarnation may have used what is there: asks anew.
void channel_open(struct channel *c, struct random_channel *shared);

// Are there bytes? If not, they are asked for; who serves the channel will signal.
bool channel_ready(struct channel *c);

// Moves as many as there are, and as fit; answers how many.
uint32_t channel_fill(struct channel *c, struct virtq_stream *buffer);
