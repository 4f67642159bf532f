// A lock between the threads of a process.
// SPDX-License-Identifier: MIT
//
// Who finds it taken sleeps a little and tries again: the holder may be less urgent, so spinning could go on
// for ever. Meant for short sections that rarely meet; recursive.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lock {
    uint64_t owner; // the UTCB's address; 0: free
    uint32_t depth;
};

void lock_take(struct lock *l);
bool lock_try(struct lock *l);
void lock_drop(struct lock *l);
