// The ports of a serial line; tests put a model there.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

void ports_at(uint16_t port); // the first of them

// offset: a register of the 16550.
uint8_t port_read(unsigned offset);
void port_write(unsigned offset, uint8_t value);

// The two accesses that cannot be repeated. Each is followed at once by the stores that make it count, in
// three instructions: a process that is killed there has most likely got an interrupt during the access,
// which is long, and the emulator takes that only behind them. A machine takes it right behind the access.
void port_take(unsigned offset, uint8_t *to, uint64_t *position, uint64_t value);
void port_give(unsigned offset, uint8_t byte, uint64_t *position, uint64_t value);
