// Block channels (libipc/proto/block.h) whose driver has failed: every request ends with an error.
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/proto/block.h"

// Afterwards the client is to be told.
void channel_fail(struct block_channel *c);
