// What the firmware's ACPI tables tell
// SPDX-License-Identifier: MIT
//
// Fields are named by their offsets. NMI lines are not looked at: all NMIs are ignored.

#include "kernel/platform/acpi.h"

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"

// [ACPI] 5.2.5.3
enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_SIZE_1 = 20, RSDP_XSDT = 24, RSDP_SIZE = 36 };
enum { TABLE_LENGTH = 4, TABLE_SIZE = 36 };                            // 5.2.6
enum { FADT_PM_TIMER = 76, FADT_X_PM_TIMER = 208, FADT_ENOUGH = 220 }; // 5.2.9
enum { MADT_LAPIC = 36, MADT_ENTRIES = 44 };                           // 5.2.12
enum { LOCAL_APIC = 0, IO_APIC = 1, OVERRIDE = 2, LAPIC_ADDRESS = 5, LOCAL_X2APIC = 9, TYPES };

// Of an entry of the MADT; one of less is ignored.
static const uint8_t length_min[TYPES] = {
    [LOCAL_APIC] = 8, [IO_APIC] = 12, [OVERRIDE] = 10, [LAPIC_ADDRESS] = 12, [LOCAL_X2APIC] = 16};

#define SPACE_PORTS 1 // of a generic address [ACPI] 5.2.3.2
#define CPU_ENABLED 1

// MPS INTI flags [ACPI] 5.2.12.5; other values mean as ISA does, which is edge and high.
#define POLARITY      0x3
#define POLARITY_LOW  0x3
#define TRIGGER       0xc
#define TRIGGER_LEVEL 0xc

static uint64_t quad(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint32_t word(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static bool sum_is_zero(const uint8_t *p, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

// A whole and checked table, or NULL.
static const uint8_t *table_at(uint64_t phys, const char *signature)
{
    const uint8_t *t = boot_pointer(phys, TABLE_SIZE);
    if (!t || memcmp(t, signature, 4) != 0)
        return NULL;
    uint32_t length = word(t + TABLE_LENGTH);
    t = length >= TABLE_SIZE ? boot_pointer(phys, length) : NULL;
    if (t && sum_is_zero(t, length))
        return t;
    kprintf("acpi: table %s at %lx is damaged, ignored\n", signature, phys);
    return NULL;
}

// The root's entries have 8 bytes in an XSDT, 4 in an RSDT.
static const uint8_t *find_table(const uint8_t *root, const char *signature)
{
    uint32_t width = *root == 'X' ? 8 : 4, length = word(root + TABLE_LENGTH);
    const uint8_t *found = NULL;
    for (uint32_t at = TABLE_SIZE; !found && length - at >= width; at += width)
        found = table_at(width == 8 ? quad(root + at) : word(root + at), signature);
    return found;
}

// A port: the old field, or the generic address that supersedes it.
static uint16_t find_pm_timer(const uint8_t *root)
{
    const uint8_t *fadt = find_table(root, "FACP");
    uint32_t length = fadt ? word(fadt + TABLE_LENGTH) : 0;
    uint64_t port = length >= FADT_PM_TIMER + 4 ? word(fadt + FADT_PM_TIMER) : 0;
    if (length >= FADT_ENOUGH && quad(fadt + FADT_X_PM_TIMER + 4))
        port = fadt[FADT_X_PM_TIMER] == SPACE_PORTS ? quad(fadt + FADT_X_PM_TIMER + 4) : 0;
    return port <= 0xffff ? (uint16_t)port : 0;
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

static void read_entry(struct acpi_info *info, const uint8_t *e, uint8_t type, uint8_t length)
{
    if (type >= TYPES || length < length_min[type])
        return;
    switch (type) {
    case LOCAL_APIC: add_cpu(info, e[3], word(e + 4)); break;
    case LOCAL_X2APIC: add_cpu(info, word(e + 4), word(e + 8)); break;
    case IO_APIC: add_ioapic(info, word(e + 4), word(e + 8)); break;
    case OVERRIDE: add_override(info, word(e + 4), e[8]); break;
    case LAPIC_ADDRESS: info->lapic = quad(e + 4);
    }
}

static const char *read_madt(struct acpi_info *info, const uint8_t *madt)
{
    uint32_t length = word(madt + TABLE_LENGTH);
    if (length < MADT_ENTRIES)
        return "the ACPI table of interrupt controllers (MADT) is too short";
    info->lapic = word(madt + MADT_LAPIC);
    for (uint32_t at = MADT_ENTRIES; length - at >= 2; at += madt[at + 1]) {
        if (madt[at + 1] < 2 || madt[at + 1] > length - at)
            return "an entry's length in the ACPI table of interrupt controllers (MADT) is wrong";
        read_entry(info, madt + at, madt[at], madt[at + 1]);
    }
    return info->ioapic_count ? NULL : "no IOAPIC";
}

const char *acpi_read(uint64_t rsdp, struct acpi_info *info)
{
    *info = (struct acpi_info){0};
    const uint8_t *r = boot_pointer(rsdp, RSDP_SIZE);
    if (!r || memcmp(r, "RSD PTR ", 8) != 0 || !sum_is_zero(r, RSDP_SIZE_1))
        return "no ACPI root pointer (RSDP)";
    info->root = r[RSDP_REVISION] >= 2 && sum_is_zero(r, RSDP_SIZE) ? quad(r + RSDP_XSDT) : 0;
    const uint8_t *root = table_at(info->root, "XSDT");
    if (!root) {
        info->root = word(r + RSDP_RSDT);
        root = table_at(info->root, "RSDT");
    }
    if (!root)
        return "no ACPI root table (XSDT or RSDT)";
    info->pm_timer = find_pm_timer(root);
    const uint8_t *madt = find_table(root, "APIC");
    return madt ? read_madt(info, madt) : "no ACPI table of interrupt controllers (MADT)";
}
