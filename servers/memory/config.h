// The pager's part of the manifest (libipc/proto/memory.h).
// SPDX-License-Identifier: MIT
#pragma once

#include "libipc/json.h"
#include "servers/memory/books.h"

struct memory_config {
    uint64_t stock; // MiB
};

// False: `error`, of JSON_ERROR_MAX bytes, says why.
bool config_read(struct memory_config *config, const char *text, char *error);
