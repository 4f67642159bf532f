// Clocks, platform-internal part (the rest is in platform.h)
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/platform/acpi.h"

// Finds tsc_khz and returns what it was taken from, for the log.
const char *clock_init(const struct acpi_info *acpi);

void timer_init(void); // CPU 0, after clock_init() and lapic_enter()
