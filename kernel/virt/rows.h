// The guest's state as rows: where a control block has what struct vcpu_state has
// SPDX-License-Identifier: MIT
//
// A back-end has one table of rows by group, which says for both directions what moves how; the kinds are its
// own. RIP's group has none: nearly every exit moves it, and little else.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/virt/virt.h"

struct row {
    uint16_t kind;  // zero ends a group
    uint16_t hw;    // offset in what vcpu->hw points to, or number of a field
    uint16_t state; // offset in struct vcpu_state
};

#define ROW_GROUPS (VIRT_GROUPS & ~(uint32_t)GROUP_RIP)
#define FLUSHING   (GROUP_CR | GROUP_EFER | GROUP_MSR) // paging modes and PAT sit in the TLB

#define ROW_TABLE static const struct row *const rows[__builtin_ctz(GROUP_EVENT) + 1]
#define OF(group) [__builtin_ctz(GROUP_##group)] = (const struct row[])
#define ROW(k, from, name)                                                                                   \
    {                                                                                                        \
        ROW_##k, (from), offsetof(struct vcpu_state, name)                                                   \
    }

#define FOR_ROWS(row, groups)                                                                                \
    for (uint32_t left = (groups)&ROW_GROUPS; left; left &= left - 1)                                        \
        for (const struct row *row = rows[__builtin_ctz(left)]; row->kind; row++)
