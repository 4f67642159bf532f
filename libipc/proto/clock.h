// The wall clock: what the host's real-time clock said, and when. Fill "clock" of a memory object.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

struct host_clock {
    uint64_t unix_ns; // UTC, nanoseconds since 1970
    uint64_t tsc;     // then
};
