// The console's part of the manifest: {"level": "info", "logs": ["init", "memory", ...]}
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/common/log_lines.h"

// False: `error`, of JSON_ERROR_MAX bytes, says why.
bool config_read(struct log_names *config, const char *text, char *error);
