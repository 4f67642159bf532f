// Power, platform-internal part (the rest is in platform.h)
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/platform/acpi.h"

void power_init(const struct acpi_info *acpi);
