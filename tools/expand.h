// A configuration becomes a plan: every object, capability and window by name.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/config.h"
#include "tools/plan.h"

// False: something was reported (a fault of a server that there is not).
bool expand(struct arena *a, struct report *r, const struct config *config, struct plan *plan);

// What is to be numbered from where, for a VM that is added to a machine that runs.
struct expand_numbers {
    const char *vm;
    uint32_t memory, console, log;
};

// The part of a configuration's plan that one of its VMs is: "objects", "servers" and "vms" of its own, and
// what servers that are there get besides. False: something was reported.
bool expand_part(struct arena *a, struct report *r, const struct config *config,
                 const struct expand_numbers *numbers, struct plan *part);

// A test instrument: every server of every VM dies after each so many requests.
void expand_restarts(struct plan *plan, uint64_t requests);
