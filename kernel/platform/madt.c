// The MADT: CPUs, IOAPICs, interrupt overrides, NMIs
// SPDX-License-Identifier: MIT
//
// [ACPI] 5.2.12. Entries are read by a table of their types; a type's minimum length is part of it, so that
// no reader looks beyond its entry.

#include "kernel/lib/print.h"
#include "kernel/platform/acpi.h"

#define MADT_PCAT_COMPAT 1 // 8259s are there too

#define CPU_ENABLED 1

// Processor UID that means all, in the entries of the two generations.
#define ALL_UIDS_8  0xff
#define ALL_UIDS_32 0xffffffff

struct __attribute__((packed)) madt {
    uint8_t header[36];
    uint32_t lapic, flags;
};

struct entry {
    uint8_t type, length;
};

struct __attribute__((packed)) local_apic {
    struct entry entry;
    uint8_t uid, apic_id;
    uint32_t flags;
};

struct __attribute__((packed)) io_apic {
    struct entry entry;
    uint8_t id, reserved;
    uint32_t address, first_gsi;
};

struct __attribute__((packed)) override {
    struct entry entry;
    uint8_t bus, irq;
    uint32_t gsi;
    uint16_t flags;
};

struct __attribute__((packed)) local_nmi {
    struct entry entry;
    uint8_t uid;
    uint16_t flags;
    uint8_t lint;
};

struct __attribute__((packed)) lapic_address {
    struct entry entry;
    uint16_t reserved;
    uint64_t address;
};

struct __attribute__((packed)) local_x2apic {
    struct entry entry;
    uint16_t reserved;
    uint32_t apic_id, flags, uid;
};

struct __attribute__((packed)) local_x2apic_nmi {
    struct entry entry;
    uint16_t flags;
    uint32_t uid;
    uint8_t lint, reserved[3];
};

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    if (!(flags & CPU_ENABLED))
        return;
    for (uint32_t i = 0; i < info->cpu_count; i++)
        if (info->cpu[i].apic_id == apic_id) // may be listed in both generations' entries
            return;
    if (info->cpu_count == MAX_CPUS) {
        info->cpus_ignored++;
        return;
    }
    info->cpu[info->cpu_count].apic_id = apic_id;
    info->cpu[info->cpu_count++].uid = uid;
}

static void add_nmi(struct acpi_info *info, uint32_t uid, uint8_t lint)
{
    if (lint > 1 || info->nmi_count == ACPI_NMIS_MAX)
        return;
    info->nmi[info->nmi_count].uid = uid;
    info->nmi[info->nmi_count++].lint = lint;
}

static void read_local_apic(struct acpi_info *info, const void *entry)
{
    const struct local_apic *e = entry;
    add_cpu(info, e->apic_id, e->uid, e->flags);
}

static void read_local_x2apic(struct acpi_info *info, const void *entry)
{
    const struct local_x2apic *e = entry;
    add_cpu(info, e->apic_id, e->uid, e->flags);
}

static void read_io_apic(struct acpi_info *info, const void *entry)
{
    const struct io_apic *e = entry;
    if (info->ioapic_count == ACPI_IOAPICS_MAX)
        return;
    info->ioapic[info->ioapic_count].address = e->address;
    info->ioapic[info->ioapic_count++].first_gsi = e->first_gsi;
}

static void read_override(struct acpi_info *info, const void *entry)
{
    const struct override *e = entry;
    if (e->bus != 0 || e->irq >= ACPI_ISA_IRQS)
        return;
    info->isa[e->irq].gsi = e->gsi;
    info->isa[e->irq].flags = e->flags;
}

static void read_local_nmi(struct acpi_info *info, const void *entry)
{
    const struct local_nmi *e = entry;
    add_nmi(info, e->uid == ALL_UIDS_8 ? ACPI_ALL_CPUS : e->uid, e->lint);
}

static void read_local_x2apic_nmi(struct acpi_info *info, const void *entry)
{
    const struct local_x2apic_nmi *e = entry;
    add_nmi(info, e->uid == ALL_UIDS_32 ? ACPI_ALL_CPUS : e->uid, e->lint);
}

static void read_lapic_address(struct acpi_info *info, const void *entry)
{
    const struct lapic_address *e = entry;
    info->lapic = e->address;
}

static const struct {
    uint8_t type, length;
    void (*read)(struct acpi_info *, const void *);
} readers[] = {
    {0, sizeof(struct local_apic), read_local_apic},
    {1, sizeof(struct io_apic), read_io_apic},
    {2, sizeof(struct override), read_override},
    {4, sizeof(struct local_nmi), read_local_nmi},
    {5, sizeof(struct lapic_address), read_lapic_address},
    {9, sizeof(struct local_x2apic), read_local_x2apic},
    {10, sizeof(struct local_x2apic_nmi), read_local_x2apic_nmi},
};

static void read_entry(struct acpi_info *info, const struct entry *entry)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i].type == entry->type && readers[i].length <= entry->length)
            readers[i].read(info, entry);
}

const char *madt_read(const void *table, uint32_t length, struct acpi_info *info)
{
    const struct madt *madt = table;
    if (length < sizeof *madt)
        return "the ACPI table of interrupt controllers (MADT) is too short";
    info->lapic = madt->lapic;
    info->has_8259 = madt->flags & MADT_PCAT_COMPAT;
    for (uint8_t i = 0; i < ACPI_ISA_IRQS; i++)
        info->isa[i].gsi = i;
    for (uint32_t at = sizeof *madt; length - at >= sizeof(struct entry);) {
        const struct entry *e = (const void *)((const char *)table + at);
        if (e->length < sizeof *e || e->length > length - at)
            return "an entry's length in the ACPI table of interrupt controllers (MADT) is wrong";
        read_entry(info, e);
        at += e->length;
    }
    return info->ioapic_count ? NULL : "no IOAPIC";
}
