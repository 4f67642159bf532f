// Intel 8042 keyboard controller with nothing plugged in
// SPDX-License-Identifier: MIT
//
// The ACPI tables tell modern guests that there is no controller, so that they neither probe nor wait; older
// ones get a real one: self test, command byte, A20 and reset lines, both ports empty. It carries no clock:
// answers are there when the command has been written.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/dev/port_device.h"

struct i8042 {
    uint8_t ram[32];     // byte 0 is the command byte
    uint8_t status;      // port 0x64
    uint8_t output;      // output buffer, port 0x60
    uint8_t output_port; // P2: reset, A20, the two interrupt lines
    uint8_t command;     // awaits its data byte; 0: none
    uint8_t reserved[4];
};
_Static_assert(sizeof(struct i8042) == 40, "the next incarnation reads this layout");

void i8042_reset(struct i8042 *kbc);

struct io_result i8042_read(void *state, const struct io_access *io, uint64_t now); // 0x60 and 0x64, bytes
uint32_t i8042_write(void *state, const struct io_access *io, uint64_t now);

bool i8042_keyboard_line(const struct i8042 *kbc);  // IRQ 1
bool i8042_auxiliary_line(const struct i8042 *kbc); // IRQ 12
bool i8042_a20(const struct i8042 *kbc);
