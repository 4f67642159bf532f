// The thread that zeroes pages ahead; what is given to it: servers/memory/pages.h, fill_begin() and so on.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/abi/status.h"

// Its bit, MEMORY_BIT_FILLED, comes when it is done.
MUST_CHECK enum status fill_init(void);
