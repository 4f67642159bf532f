// What a schema cannot say about a configuration.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/config.h"

// File names in a configuration count from the folder that it lies in.
bool check_config(struct arena *a, struct report *r, const char *path, struct config *config);
