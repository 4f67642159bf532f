// What the firmware's ACPI tables tell
// SPDX-License-Identifier: MIT

#include "kernel/platform/acpi.h"

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"

#define RSDP_LENGTH_1 20
#define RSDP_LENGTH_2 36

struct __attribute__((packed)) rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
    uint8_t checksum_2, reserved[3];
};
_Static_assert(sizeof(struct rsdp) == RSDP_LENGTH_2, "[ACPI] 5.2.5.3");

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[26];
};
_Static_assert(sizeof(struct table) == 36, "[ACPI] 5.2.6");

// What we read of the FADT.
struct __attribute__((packed)) fadt {
    struct table head;
    uint8_t before[40];
    uint32_t pm_timer;
    uint8_t between[128];
    uint8_t space; // of the address that supersedes pm_timer [ACPI] 5.2.3.2: 1 is ports
    uint8_t bits, offset, access;
    uint64_t x_pm_timer;
};
_Static_assert(offsetof(struct fadt, pm_timer) == 76 && offsetof(struct fadt, space) == 208, "[ACPI] 5.2.9");

static bool sum_is_zero(const void *p, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
    return sum == 0;
}

// A whole and checked table, or NULL.
static const void *table_at(uint64_t phys, const char *signature)
{
    const struct table *t = boot_pointer(phys, sizeof *t);
    if (!t || memcmp(t->signature, signature, sizeof t->signature) != 0)
        return NULL;
    uint32_t length = t->length;
    t = length >= sizeof *t ? boot_pointer(phys, length) : NULL;
    if (t && sum_is_zero(t, length))
        return t;
    kprintf("acpi: table %s at %lx is damaged, ignored\n", signature, phys);
    return NULL;
}

// The root's entries have 8 bytes in an XSDT, 4 in an RSDT.
static const void *find_table(const struct table *root, const char *signature)
{
    size_t width = root->signature[0] == 'X' ? 8 : 4;
    const void *found = NULL;
    for (size_t at = sizeof *root; !found && root->length - at >= width; at += width) {
        uint64_t phys = 0;
        memcpy(&phys, (const char *)root + at, width);
        found = table_at(phys, signature);
    }
    return found;
}

static uint16_t find_pm_timer(const struct table *root)
{
    const struct fadt *f = find_table(root, "FACP");
    uint64_t port = 0;
    if (f && f->head.length >= sizeof *f && f->x_pm_timer)
        port = f->space == 1 ? f->x_pm_timer : 0;
    else if (f && f->head.length >= offsetof(struct fadt, between))
        port = f->pm_timer;
    return port <= 0xffff ? (uint16_t)port : 0;
}

const char *acpi_read(uint64_t rsdp, struct acpi_info *info)
{
    *info = (struct acpi_info){0};
    const struct rsdp *r = boot_pointer(rsdp, sizeof *r);
    if (!r || memcmp(r->signature, "RSD PTR ", 8) != 0 || !sum_is_zero(r, RSDP_LENGTH_1))
        return "no ACPI root pointer (RSDP)";
    uint64_t rsdt = r->rsdt, xsdt = r->revision >= 2 && sum_is_zero(r, RSDP_LENGTH_2) ? r->xsdt : 0;
    const struct table *root = table_at(xsdt, "XSDT");
    info->root = root ? xsdt : rsdt;
    root = root ? root : table_at(rsdt, "RSDT");
    if (!root)
        return "no ACPI root table (XSDT or RSDT)";
    info->pm_timer = find_pm_timer(root);
    const struct table *madt = find_table(root, "APIC");
    if (!madt)
        return "no ACPI table of interrupt controllers (MADT)";
    return madt_read((const uint8_t *)madt, madt->length, info);
}
