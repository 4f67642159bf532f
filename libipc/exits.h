// The names of exit kinds.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/abi/vcpu.h"

extern const char *const exit_names[EXIT_KINDS];
