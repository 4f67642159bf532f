// A block driver's part of the manifest: {"channels": ["alpha.root", ...]}
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/common/block_service.h"

// Fills in port_count, and of each port its partition. False: `error`, of JSON_ERROR_MAX bytes, says why.
bool block_config_read(struct block_service *s, const char *text, char *error);
