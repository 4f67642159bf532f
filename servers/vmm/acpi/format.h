// Layout of the ACPI tables that hold fixed fields
// SPDX-License-Identifier: MIT
//
// [ACPI] 6.3, 5.2.
#pragma once

#include <stdint.h>

#define ACPI_PACKED __attribute__((packed))

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum; // of the first 20 bytes
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} ACPI_PACKED;

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} ACPI_PACKED;

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1 };
enum acpi_access { ACPI_ACCESS_BYTE = 1, ACPI_ACCESS_WORD = 2, ACPI_ACCESS_DWORD = 3 };

struct acpi_address {
    uint8_t space;
    uint8_t width; // in bits
    uint8_t offset;
    uint8_t access;
    uint64_t address;
} ACPI_PACKED;

enum acpi_fadt_flags {
    FADT_WBINVD = 1 << 0,
    FADT_PROC_C1 = 1 << 2,
    FADT_NO_FIXED_SLEEP_BUTTON = 1 << 5,
    FADT_NO_FIXED_RTC = 1 << 6,
    FADT_TIMER_32_BITS = 1 << 8,
    FADT_RESET_REGISTER = 1 << 10,
};

enum acpi_boot_flags {
    BOOT_LEGACY_DEVICES = 1 << 0,
    BOOT_8042 = 1 << 1,
    BOOT_NO_VGA = 1 << 2,
    BOOT_NO_ASPM = 1 << 4,
};

struct acpi_fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t reserved0;
    uint8_t profile;
    uint16_t sci;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate_control;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes, gpe0_bytes, gpe1_bytes;
    uint8_t gpe1_base, cstate_control;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    struct acpi_address reset;
    uint8_t reset_value;
    uint16_t arm_boot_flags;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer;
    struct acpi_address x_gpe0, x_gpe1, sleep_control, sleep_status;
    uint64_t hypervisor;
} ACPI_PACKED;

struct acpi_facs {
    char signature[4];
    uint32_t length, hardware_signature, waking_vector, global_lock, flags;
    uint64_t x_waking_vector;
    uint8_t version;
    uint8_t reserved[31];
} ACPI_PACKED;

enum { MADT_PC_AT_COMPATIBLE = 1, MADT_ENABLED = 1, MADT_ALL_CPUS = 0xff, MADT_ALL_UIDS = 0xffffffff };
enum { MADT_CONFORMS = 0, MADT_LEVEL_LOW = 0x0f };

struct acpi_madt {
    struct acpi_header header;
    uint32_t lapic;
    uint32_t flags;
} ACPI_PACKED;

struct madt_lapic { // type 0
    uint8_t type, length, uid, apic_id;
    uint32_t flags;
} ACPI_PACKED;

struct madt_ioapic { // type 1
    uint8_t type, length, id, reserved;
    uint32_t address, first_gsi;
} ACPI_PACKED;

struct madt_override { // type 2
    uint8_t type, length, bus, irq;
    uint32_t gsi;
    uint16_t flags;
} ACPI_PACKED;

struct madt_lapic_nmi { // type 4
    uint8_t type, length, uid;
    uint16_t flags;
    uint8_t lint;
} ACPI_PACKED;

struct madt_x2apic { // type 9
    uint8_t type, length;
    uint16_t reserved;
    uint32_t apic_id, flags, uid;
} ACPI_PACKED;

struct madt_x2apic_nmi { // type 10
    uint8_t type, length;
    uint16_t flags;
    uint32_t uid;
    uint8_t lint, reserved[3];
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP of ACPI 2 and later");
_Static_assert(sizeof(struct acpi_header) == 36, "table header");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT of revision 6");
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT without entries");
