// What the firmware's ACPI tables tell of switching the machine off
// SPDX-License-Identifier: MIT
//
// [ACPI] 4.8.3.2 and 7.4: S5 by PM1 control. Tables are data from outside: each one's length and checksum are
// checked before a field is used.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct acpi_off {
    uint16_t smi_command; // port, 0: ACPI mode is always on
    uint8_t enable;       // what is written there to have it on
    uint16_t control[2];  // PM1 control ports, the second may be 0: none
    uint8_t type[2];      // SLP_TYP of S5 for them
};

// False: the tables behind the root (XSDT or RSDT) do not say.
bool acpi_read_off(uint64_t root, struct acpi_off *off);

// The firmware's memory, for ever; NULL where there is none. Whoever uses the above has it (power.c).
const void *firmware_at(uint64_t phys, uint64_t length);
