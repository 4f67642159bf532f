// IOAPICs and the 8259s, platform-internal part (the rest is in platform.h)
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/platform/acpi.h"

void ioapic_init(const struct acpi_info *acpi); // all lines masked, modes as the firmware says
void pic_disable(void);
