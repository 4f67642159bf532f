// The differentiated system description table's content
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/vmm/acpi/acpi.h"
#include "servers/vmm/acpi/aml.h"

// Appends all objects: sleep state S5, processors, the PCI bus with its interrupts, and the devices behind
// the ISA bridge.
void dsdt_write(struct aml *aml, const struct acpi_config *config);
