// The client's end of a block channel.
// SPDX-License-Identifier: MIT
#include "servers/disk/channel.h"

void channel_open(struct channel *c, struct block_channel *shared, uint8_t *buffer)
{
    *c = (struct channel){.shared = shared, .buffer = buffer, .tell = true};
    __atomic_store_n(&shared->epoch, shared->epoch + 1, __ATOMIC_RELEASE);
}

enum block_presence channel_presence(const struct channel *c)
{
    uint64_t confirmed = __atomic_load_n(&c->shared->confirmed, __ATOMIC_ACQUIRE);
    if (confirmed != c->shared->epoch)
        return BLOCK_UNKNOWN;
    return (enum block_presence)__atomic_load_n(&c->shared->presence, __ATOMIC_ACQUIRE);
}

static uint32_t mask(uint32_t page, uint32_t pages)
{
    return (uint32_t)(((UINT64_C(1) << pages) - 1) << page);
}

uint32_t channel_pages(struct channel *c, uint32_t slot, uint32_t pages)
{
    for (; pages; pages /= 2)
        for (uint32_t page = 0; page + pages <= BLOCK_PAGES; page++) {
            if (c->taken & mask(page, pages))
                continue;
            c->taken |= mask(page, pages);
            c->slot[slot].page = (uint8_t)page;
            c->slot[slot].pages = (uint8_t)pages;
            return pages;
        }
    return 0;
}

uint8_t *channel_at(const struct channel *c, uint32_t slot)
{
    return c->buffer + (uint64_t)c->slot[slot].page * BLOCK_PAGE;
}

void channel_submit(struct channel *c, uint32_t slot, enum block_op op, uint64_t sector, uint32_t bytes)
{
    struct block_request *r = &c->shared->request[slot];
    r->op = (uint16_t)op;
    r->page = c->slot[slot].page;
    r->status = BLOCK_OK;
    r->sector = sector;
    r->bytes = bytes;
    c->slot[slot].busy = true;
    c->tell = true;
    __atomic_store_n(&r->state, BLOCK_SUBMITTED, __ATOMIC_RELEASE);
}

bool channel_ended(struct channel *c, uint32_t slot, enum block_status *status)
{
    struct block_request *r = &c->shared->request[slot];
    if (!c->slot[slot].busy || __atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != BLOCK_DONE)
        return false;
    *status = (enum block_status)r->status;
    c->slot[slot].busy = false;
    __atomic_store_n(&r->state, BLOCK_FREE, __ATOMIC_RELEASE);
    return true;
}

void channel_free(struct channel *c, uint32_t slot)
{
    c->taken &= ~mask(c->slot[slot].page, c->slot[slot].pages);
    c->slot[slot].pages = 0;
}
