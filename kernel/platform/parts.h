// The platform's parts as they see each other; what the core sees is in platform.h
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot/boot.h"
#include "kernel/percpu.h"
#include "kernel/platform/acpi.h"

// The kernel's own page tables: built once at boot in the pool, shared by all CPUs and all processes, never
// edited after boot_end(). Loads them: image, pool, and, until boot_end(), the first 4 GiB at 0.
void paging_init(const struct boot_info *info);
uint64_t paging_map_stack(uint32_t cpu); // with a guard page; returns its top

// All 8259s and IOAPIC lines masked, modes as the firmware says.
void ioapic_init(const struct acpi_info *acpi);

void lapic_init(uint64_t address); // CPU 0, once
void lapic_enter(void);            // each CPU: enable, timer stopped, errors on
void lapic_timer_init(void);       // CPU 0, after clock_init() and lapic_enter()

// INIT and two start-up IPIs [SDM 3A 9.4.4.1].
void lapic_start_cpu(uint32_t apic_id, uint64_t page);

// Finds tsc_khz, 0 when nothing tells it, and returns what it was taken from, for the log.
const char *clock_init(uint16_t pm_timer);

extern struct cpu *_Atomic smp_offer;     // taken by the newcomer in boot/entry.S
_Noreturn void smp_main(struct cpu *cpu); // C entry of the others
