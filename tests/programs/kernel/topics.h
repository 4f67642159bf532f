// The kernel's tests by topic.
// SPDX-License-Identifier: MIT
//
// A part leaves its slate to be wiped, after which all kernel memory must have come back.
#pragma once

#include "tests/programs/common/slate.h"
#include "tests/programs/common/tap.h"

struct part {
    const char *name;
    void (*run)(void);
};

struct topic {
    const char *name;
    const struct part *parts; // ends with an empty one
};

extern const struct part call_parts[], capability_parts[], ipc_parts[], death_parts[], notification_parts[],
    memory_parts[], page_parts[], pager_parts[], process_parts[], quota_parts[], thread_parts[],
    fault_parts[], schedule_parts[], time_parts[], device_parts[], exit_parts[], interrupt_parts[],
    mode_parts[], garbage_parts[], route_parts[], vcpu_parts[], fuzz_parts[];
