// The MADT: CPUs, IOAPICs, interrupt overrides
// SPDX-License-Identifier: MIT
//
// [ACPI] 5.2.12. NMI lines are not looked at: all NMIs are ignored.

#include "kernel/lib/string.h"
#include "kernel/platform/acpi.h"

enum { LAPIC_ADDRESS_AT = 36, ENTRIES_AT = 44 }; // in the table
enum { TYPE_AT, LENGTH_AT };                     // in each entry
enum { LOCAL_APIC = 0, IO_APIC = 1, OVERRIDE = 2, LAPIC_ADDRESS = 5, LOCAL_X2APIC = 9, TYPES };

// An entry of less is ignored.
static const uint8_t length_min[TYPES] = {
    [LOCAL_APIC] = 8, [IO_APIC] = 12, [OVERRIDE] = 10, [LAPIC_ADDRESS] = 12, [LOCAL_X2APIC] = 16};

#define CPU_ENABLED 1

// MPS INTI flags [ACPI] 5.2.12.5; other values mean as ISA does, which is edge and high.
#define POLARITY      0x3
#define POLARITY_LOW  0x3
#define TRIGGER       0xc
#define TRIGGER_LEVEL 0xc

static uint32_t word(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
    if (!(flags & CPU_ENABLED))
        return;
    for (uint32_t i = 0; i < info->cpu_count; i++)
        if (info->cpu[i] == apic_id) // may be listed in both generations' entries
            return;
    if (info->cpu_count < MAX_CPUS)
        info->cpu[info->cpu_count++] = apic_id;
    else
        info->cpus_ignored++;
}

static void add_ioapic(struct acpi_info *info, uint32_t address, uint32_t first_gsi)
{
    if (info->ioapic_count == ACPI_IOAPICS_MAX)
        return;
    info->ioapic[info->ioapic_count].address = address;
    info->ioapic[info->ioapic_count++].first_gsi = first_gsi;
}

static void add_override(struct acpi_info *info, uint32_t gsi, uint32_t flags)
{
    if (info->override_count == ACPI_OVERRIDES_MAX)
        return;
    info->override[info->override_count].gsi = gsi;
    info->override[info->override_count].level = (flags & TRIGGER) == TRIGGER_LEVEL;
    info->override[info->override_count++].low = (flags & POLARITY) == POLARITY_LOW;
}

static void read_entry(struct acpi_info *info, const uint8_t *e)
{
    uint8_t type = e[TYPE_AT];
    if (type >= TYPES || e[LENGTH_AT] < length_min[type])
        return;
    switch (type) {
    case LOCAL_APIC: add_cpu(info, e[3], word(e + 4)); break;
    case LOCAL_X2APIC: add_cpu(info, word(e + 4), word(e + 8)); break;
    case IO_APIC: add_ioapic(info, word(e + 4), word(e + 8)); break;
    case OVERRIDE: add_override(info, word(e + 4), e[8]); break;
    case LAPIC_ADDRESS: info->lapic = word(e + 4) | (uint64_t)word(e + 8) << 32;
    }
}

const char *madt_read(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    if (length < ENTRIES_AT)
        return "the ACPI table of interrupt controllers (MADT) is too short";
    info->lapic = word(table + LAPIC_ADDRESS_AT);
    for (uint32_t at = ENTRIES_AT, step; length - at > LENGTH_AT; at += step) {
        step = table[at + LENGTH_AT];
        if (step <= LENGTH_AT || step > length - at)
            return "an entry's length in the ACPI table of interrupt controllers (MADT) is wrong";
        read_entry(info, table + at);
    }
    return info->ioapic_count ? NULL : "no IOAPIC";
}
