// Copying guest data: by the widest registers that there are.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Does the processor have AVX, and is its state switched? Looked at once.
bool has_avx(void);

// Regions do not overlap.
void copy_bytes(void *to, const void *from, size_t bytes);
// By 16 bytes, of which every processor of ours is capable; what is long is not zeroed often.
void zero_bytes(void *to, size_t bytes);
