// The pager's part of the manifest (libipc/proto/memory.h).
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/memory/pager.h"

struct memory_config {
    uint64_t stock; // MiB
    uint32_t backings;
    struct backing backing[PAGER_BACKINGS_MAX];
};

// False: `error`, of JSON_ERROR_MAX bytes, says why. Whether the pages are there is for the caller to check.
bool config_read(struct memory_config *config, const char *text, char *error);
