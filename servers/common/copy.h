// Copying guest data: by the widest registers that there are.
// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

// Regions do not overlap.
void copy_bytes(void *to, const void *from, size_t bytes);
void zero_bytes(void *to, size_t bytes);
