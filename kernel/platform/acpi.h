// What the firmware's ACPI tables tell
// SPDX-License-Identifier: MIT
//
// [ACPI] Advanced Configuration and Power Interface Specification 6.4: 5.2.5 RSDP, 5.2.9 FADT, 5.2.12 MADT.
// Tables are data from outside: each one's length and checksum are checked before a field is used, and every
// entry's length before its fields.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/platform/layout.h"

#define ACPI_IOAPICS_MAX 8
#define ACPI_ISA_IRQS    16
#define ACPI_NMIS_MAX    8
#define ACPI_ALL_CPUS    0xffffffffu
#define ACPI_NO_SLEEP    0xff

// MPS INTI flags of an interrupt [ACPI 5.2.12.5]: 0 means as the bus does.
#define ACPI_POLARITY      0x3
#define ACPI_POLARITY_LOW  0x3
#define ACPI_TRIGGER       0xc
#define ACPI_TRIGGER_LEVEL 0xc

// Generic address [ACPI 5.2.3.2]; space 0 is memory, 1 ports, 2 PCI configuration.
struct acpi_address {
    uint8_t space, bits, offset, access;
    uint64_t address;
} __attribute__((packed));

struct acpi_info {
    uint64_t lapic; // physical base of the local APICs
    bool has_8259;
    uint32_t cpu_count; // usable ones, at most MAX_CPUS
    uint32_t cpus_ignored;
    struct {
        uint32_t apic_id, uid;
    } cpu[MAX_CPUS];
    uint32_t ioapic_count;
    struct {
        uint32_t address, first_gsi;
    } ioapic[ACPI_IOAPICS_MAX];
    struct {
        uint32_t gsi;
        uint16_t flags;
    } isa[ACPI_ISA_IRQS]; // identity, edge and high unless overridden
    uint32_t nmi_count;
    struct {
        uint32_t uid; // or ACPI_ALL_CPUS
        uint8_t lint;
    } nmi[ACPI_NMIS_MAX];

    uint16_t pm_timer; // port, 0 when there is none
    bool pm_timer_32;
    uint16_t sci;
    uint16_t smi_command;
    uint8_t acpi_enable;
    uint16_t pm1_control[2]; // ports, 0 when there is none
    uint8_t sleep_type[2];   // SLP_TYP of S5 for them, ACPI_NO_SLEEP when \_S5 was not found
    bool can_reset;
    struct acpi_address reset;
    uint8_t reset_value;
};

// Reads everything above from the tables behind the RSDP (0: look for it where a BIOS leaves it). Returns
// NULL, or what keeps the machine from being used. Maps by temp_map().
const char *acpi_read(uint64_t rsdp, struct acpi_info *info);

// The part of it that the MADT tells; length and checksum of the table are checked.
const char *madt_read(const void *table, uint32_t length, struct acpi_info *info);
