// The device's BAR; tests put a model there.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// bytes: 1, 2 or 4, in one access.
uint32_t host_register_read(uint32_t offset, uint32_t bytes);
void host_register_write(uint32_t offset, uint32_t bytes, uint32_t value);
