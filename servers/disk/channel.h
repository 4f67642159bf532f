// The client's end of a block channel: slots, pages of the buffer, the epoch.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/block.h"

struct channel {
    struct block_channel *shared;
    uint8_t *buffer;
    bool tell;      // the driver is to be signalled
    uint32_t taken; // pages: a bit each
    struct channel_slot {
        bool busy;
        uint8_t page, pages;
    } slot[BLOCK_REQUESTS];
};

// A new epoch: nothing of a dead incarnation is under way when the driver has confirmed it.
void channel_open(struct channel *c, struct block_channel *shared, uint8_t *buffer);

// BLOCK_UNKNOWN until the epoch is confirmed and the partition was looked for.
enum block_presence channel_presence(const struct channel *c);

// Takes up to `pages` pages side by side for a slot; answers how many, 0: none now.
uint32_t channel_pages(struct channel *c, uint32_t slot, uint32_t pages);
uint8_t *channel_at(const struct channel *c, uint32_t slot);

void channel_submit(struct channel *c, uint32_t slot, enum block_op op, uint64_t sector, uint32_t bytes);

// True: it has ended; its pages are kept until channel_free().
bool channel_ended(struct channel *c, uint32_t slot, enum block_status *status);
void channel_free(struct channel *c, uint32_t slot);
