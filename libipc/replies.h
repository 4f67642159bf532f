// Stored replies: a message seen before is answered as it was answered then.
// SPDX-License-Identifier: MIT
//
// A table of one reply per caller, in a section of the state object. A server whose answer changed anything
// fills in the caller's entry and commits it in one record with the change; a message delivered again (its
// server died between commit and reply) then finds it. Pure answers are computed again and needn't be stored:
// what counts is that the stored number is that of the last answer with an effect. A caller waits for its
// answer, so one entry each is enough.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/status.h"

#define STORED_WORDS 4u

// The table's section in every server's state, so that who serves in its place finds it.
#define REPLIES_SECTION 0x100u

// All zero: free.
struct stored_reply {
    uint64_t caller; // not 0: what tells the callers with separate numbering apart, such as the badge
    uint64_t seq;    // of the message answered
    uint64_t label;
    uint64_t words[STORED_WORDS];
};

_Static_assert(sizeof(struct stored_reply) == 56, "stored replies are part of servers' states");

enum reply_seen {
    REPLY_NEW,   // compute, store, commit, answer
    REPLY_AGAIN, // answer with the entry
    REPLY_STALE  // older than the entry: its caller has long been answered
};

// The caller's entry, else a free one that it may fill; NULL if there is neither.
static inline struct stored_reply *reply_find(struct stored_reply *table, size_t count, uint64_t caller)
{
    struct stored_reply *free_entry = NULL;

    for (size_t i = 0; i < count; i++) {
        if (table[i].caller == caller) {
            return &table[i];
        }
        if (!free_entry && table[i].caller == 0) {
            free_entry = &table[i];
        }
    }
    return free_entry;
}

static inline enum reply_seen reply_seen(const struct stored_reply *entry, uint64_t caller, uint64_t seq)
{
    if (entry->caller != caller || seq > entry->seq) {
        return REPLY_NEW;
    }
    return seq == entry->seq ? REPLY_AGAIN : REPLY_STALE;
}

// Frees the entry of a caller that is gone, or that will count from the beginning again. To be committed
// before the caller's successor is let in.
static inline void reply_forget(struct stored_reply *entry)
{
    *entry = (struct stored_reply){0};
}
