// When a server starts again, when it hangs, when it is to be killed as a test.
// SPDX-License-Identifier: MIT
//
// Pure: what INFO told and the time are arguments.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/info.h"

// After so many deaths in a row without a completed request a server has failed for good. Servers that know a
// request which kills them give it up earlier, by its count of deliveries.
#define POLICY_DEATHS_MAX 6u

// Did this incarnation complete a request? One that serves no calls but bits completed something when it
// waits again.
bool policy_progress(const struct info_thread *last);

// A server dies as a test when it has completed so many requests, at the system call behind the answer: what
// it did of the next one is committed, or not, and not answered. So each incarnation completes one at least.
// How many calls further on to look again, the one before which it has stopped counted; 0: it is to die.
uint64_t policy_calls_ahead(const struct info_thread *now, uint64_t requests);

// How long to wait before the next start, after the barren-th death in a row without progress; 0: not at all.
uint64_t policy_back_off_ns(uint32_t barren);

enum hang { HANG_NO, HANG_CPU, HANG_BLOCKED };

// What the last look saw.
struct watch {
    uint64_t syscalls;
    bool suspect;
};

// Is it hung? cpu_limit in TSC ticks. peer: what it is blocked on is the endpoint of another server. Who is
// blocked on nothing that could answer is hung at the second look.
enum hang policy_hang(struct watch *w, const struct info_thread *now, uint64_t cpu_limit, bool peer);

// A periodic event, counted from `start`: due at start + every, start + 2 every, ...
struct schedule {
    uint64_t next, every; // TSC ticks
    uint64_t left;
    uint64_t done; // how often it hit
};

void schedule_start(struct schedule *s, uint64_t start, uint64_t every, uint64_t count);
void schedule_requests(struct schedule *s, uint64_t count); // one that no time is for
bool schedule_due(struct schedule *s, uint64_t now);        // true: once more
uint64_t schedule_next(const struct schedule *s);           // UINT64_MAX: never
