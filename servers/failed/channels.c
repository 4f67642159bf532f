// Block channels whose driver has failed.
// SPDX-License-Identifier: MIT
//
// Nothing is under way any more, but what the device had begun may still reach the pages: they are never
// given to anybody else, and who gets an error believes nothing of them.
#include "servers/failed/channels.h"

static void end(struct block_request *r)
{
    if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != BLOCK_SUBMITTED)
        return;
    r->status = BLOCK_ERROR;
    __atomic_store_n(&r->state, BLOCK_DONE, __ATOMIC_RELEASE);
}

void channel_fail(struct block_channel *c)
{
    uint64_t epoch = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++) {
        if (epoch != c->confirmed)
            __atomic_store_n(&c->request[i].state, BLOCK_FREE, __ATOMIC_RELEASE);
        else
            end(&c->request[i]);
    }
    __atomic_store_n(&c->confirmed, epoch, __ATOMIC_RELEASE);
    __atomic_store_n(&c->presence, BLOCK_ABSENT, __ATOMIC_RELEASE);
}
