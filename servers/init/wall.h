// The date, from the registers of an MC146818 [MC146818].
// SPDX-License-Identifier: MIT
//
// Pure: how a register is read, and how a while is waited, are arguments.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/status.h"

// 1 January 2026: no date before it can be, and it counts when the clock says nothing that can.
#define WALL_DEFAULT UINT64_C(1767225600)

struct wall_source {
    uint8_t (*read)(uint8_t reg);
    void (*pause)(void); // a millisecond or so
};

// Seconds since 1970; the clock's time zone is taken for UTC. False: it has no power, does not come to rest,
// or shows what no calendar has or what is past.
MUST_CHECK bool wall_read(const struct wall_source *source, uint64_t *seconds);
