// A configuration becomes a plan: every object, capability and window by name.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/config.h"
#include "tools/plan.h"

// False: something was reported (a fault of a server that there is not).
bool expand(struct arena *a, struct report *r, const struct config *config, struct plan *plan);
