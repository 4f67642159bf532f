// Reset control register 0xcf9 and system control port A, 0x92
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/dev/port_device.h"

enum { RESET_PORT = 0xcf9, RESET_VALUE = 0x06, SYSTEM_CONTROL_A_PORT = 0x92 };

struct reset_control {
    uint8_t cf9;
    uint8_t port92;
    uint8_t reserved[6];
};
_Static_assert(sizeof(struct reset_control) == 8, "the next incarnation reads this layout");

void reset_control_reset(struct reset_control *rc);

struct io_result reset_control_read(void *state, const struct io_access *io,
                                    uint64_t now); // both ports, bytes
uint32_t reset_control_write(void *state, const struct io_access *io, uint64_t now);

// The A20 gate is open if either this or the keyboard controller's output says so.
bool reset_control_a20(const struct reset_control *rc);
