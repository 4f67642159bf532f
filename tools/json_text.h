// JSON text, written.
// SPDX-License-Identifier: MIT
#pragma once

#include "tools/arena.h"

// A text as it stands between the quotes of a JSON string.
const char *json_escape(struct arena *a, const char *text);
