// The ports of the host's serial line; tests put a model there.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// offset: a register of the 16550.
uint8_t port_read(unsigned offset);
void port_write(unsigned offset, uint8_t value);
