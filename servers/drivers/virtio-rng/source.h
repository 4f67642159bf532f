// virtio-rng, [VIRTIO] 5.4, as the source of random channels (libipc/proto/random.h).
// SPDX-License-Identifier: MIT
//
// Each channel has a buffer of its own that the device fills, and is copied from there and wiped: whatever
// the device says that it has written, a channel never gets what was another's. Channels take turns where the
// queue is shorter than they are many.
//
// Nothing must survive. A device that gives up or says what cannot be is reset and asked again; after several
// times without a byte in between it is left alone, and who asks waits. One that is silent is waited for: its
// host may have no numbers to give. No system calls.
#pragma once

#include "libipc/proto/layout.h"
#include "libipc/proto/random.h"
#include "servers/common/host_function.h"

enum { SOURCE_RESETS = 3, SOURCE_PER_PAGE = 4096 / RANDOM_BYTES };
enum { SOURCE_PAGES = DRIVER_CHANNELS_MAX / SOURCE_PER_PAGE };

struct source {
    struct host_function function;
    struct host_queue queue;
    struct dma_page buffers[SOURCE_PAGES];
    uint32_t count; // of channels
    struct random_channel *channel[DRIVER_CHANNELS_MAX];
    // Its own.
    bool dead;        // the device cannot be used
    uint32_t resets;  // since it gave a byte
    uint32_t busy;    // a bit a channel: the device fills its buffer
    uint32_t waiting; // a bit a channel: is to be looked at
    uint32_t turn;    // the channel that is looked at first
    uint64_t told;    // a bit a channel: its client is to be signalled
};

// Resets the device, and owes every client a signal. If it cannot be used the log says why.
void source_open(struct source *s);

// Takes what the device gave, asks it for what clients ask for. clients: a bit for each that signalled.
// Answers which ones are to be signalled.
uint64_t source_serve(struct source *s, uint64_t clients);
