// What the firmware's ACPI tables tell
// SPDX-License-Identifier: MIT
//
// [ACPI] Advanced Configuration and Power Interface Specification 6.4: 5.2.5 RSDP, 5.2.9 FADT, 5.2.12 MADT.
// Tables are data from outside: each one's length and checksum are checked before a field is used, and every
// entry's length before its fields.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/platform/layout.h"

#define ACPI_IOAPICS_MAX   8
#define ACPI_OVERRIDES_MAX 16

struct acpi_info {
    uint64_t root;  // physical address of the XSDT or RSDT
    uint64_t lapic; // physical base of the local APICs
    uint32_t cpu_count, cpus_ignored;
    uint32_t cpu[MAX_CPUS]; // APIC IDs of the usable ones
    uint32_t ioapic_count;
    struct {
        uint32_t address, first_gsi;
    } ioapic[ACPI_IOAPICS_MAX];
    uint32_t override_count;
    struct {
        uint32_t gsi;
        bool level, low;
    } override[ACPI_OVERRIDES_MAX]; // of ISA interrupts; all others are edge and high
    uint16_t pm_timer;              // port, 0 when there is none
};

// Reads everything above from the tables behind the RSDP. Returns NULL, or what keeps the machine from being
// used.
const char *acpi_read(uint64_t rsdp, struct acpi_info *info);
