// The front panel of a VM: how often its buttons were pressed.
// SPDX-License-Identifier: MIT
//
// The supervisor counts, then signals the monitor (VMM_BIT_PANEL), which keeps in its state how many it has
// acted on. So no press is lost, whoever dies meanwhile, and none counts twice.
#pragma once

#include <stdint.h>

struct vm_panel {
    uint32_t resets;
    uint32_t powers; // ACPI power button
};
