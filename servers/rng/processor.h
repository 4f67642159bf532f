// Random numbers of the processor: RDRAND, [SDM] 1, 7.3.17.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/virtq_stream.h"

bool processor_has_random(void);

// Fills a buffer from the front, as far as one request may keep the server; answers how many bytes these are.
// Dies if the processor has no numbers any more.
uint32_t processor_fill(struct virtq_stream *buffer);
