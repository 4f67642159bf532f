// Local APIC, platform-internal part (the rest is in platform.h)
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "kernel/platform/acpi.h"

void lapic_init(const struct acpi_info *acpi); // CPU 0, once
void lapic_enter(void);                        // each CPU: enable, timer stopped, errors and NMI lines on

// Start-up of another CPU [SDM 3A 9.4.4.1].
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint64_t page);

// For the timer: writes to the one-shot counter; its current value.
void lapic_timer_count(uint32_t count);
uint32_t lapic_timer_left(void);
