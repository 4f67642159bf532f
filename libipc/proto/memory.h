// What is said to the pager of all guest memory.
// SPDX-License-Identifier: MIT
//
// Page faults come from the kernel with badge 1 + number of the guest memory object. Badges of callers begin
// at MEMORY_BADGE_CALLERS.
//
// The pager's configuration, all of it optional:
//   {"stock": MiB of zeroed pages that it keeps,
//    "backings": [{"ram": number of the object, "first": its page, "archive": page of the boot archive,
//    "pages": count}]}
// Backed pages begin as the archive's, which must be the base of the object; no two backings overlap.
#pragma once

#include "libipc/proto/labels.h"

#define MEMORY_BADGE_CALLERS 0x100u

enum memory_label {
    // word 0: number of a guest memory object -> enum memory_stats_word; BAD_ARG: there is none
    LABEL_MEMORY_STATS = LABEL_MEMORY,
    // -> enum memory_pool_word
    LABEL_MEMORY_POOL,
    LABEL_MEMORY_END
};

// Pages; `filled` counts them all.
enum memory_stats_word {
    MEMORY_FILLED,
    MEMORY_LARGE,
    MEMORY_BORROWED,
    MEMORY_SCRATCH_FAULTS,
    MEMORY_STATS_WORDS
};

// Pages of the pools: free ones, and free ones that are zero.
enum memory_pool_word { MEMORY_FREE, MEMORY_ZEROED, MEMORY_POOL_WORDS };
