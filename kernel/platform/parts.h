// The platform's parts as they see each other; what the core sees is in platform.h
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/percpu.h"
#include "kernel/platform/acpi.h"

// All 8259s and IOAPIC lines masked, modes as the firmware says.
void ioapic_init(const struct acpi_info *acpi);

void lapic_init(uint64_t address); // CPU 0, once
void lapic_enter(void);            // each CPU: enable, timer stopped, errors on
void lapic_timer_init(void);       // CPU 0, after clock_init() and lapic_enter()

// INIT and two start-up IPIs [SDM 3A 9.4.4.1].
void lapic_start_cpu(uint32_t apic_id, uint64_t page);

// Finds tsc_khz, 0 when nothing tells it, and returns what it was taken from, for the log.
const char *clock_init(uint16_t pm_timer);

void power_init(const struct acpi_info *acpi);

extern struct cpu *_Atomic smp_offer;     // taken by the newcomer in boot/entry.S
_Noreturn void smp_main(struct cpu *cpu); // C entry of the others
