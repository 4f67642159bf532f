// What the firmware's ACPI tables tell of switching the machine off
// SPDX-License-Identifier: MIT
#include "servers/init/acpi.h"

#include <stddef.h>
#include <string.h>

struct __attribute__((packed)) table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[26];
};
_Static_assert(sizeof(struct table) == 36, "[ACPI] 5.2.6");

// Generic address [ACPI] 5.2.3.2; space 1 is ports.
struct __attribute__((packed)) address {
    uint8_t space, bits, offset, access;
    uint64_t address;
};

struct __attribute__((packed)) fadt {
    struct table head;
    uint32_t facs, dsdt;
    uint8_t model, profile;
    uint16_t sci;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios, pstate;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
    uint8_t others[68];
    uint64_t x_dsdt;
    struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
};
_Static_assert(offsetof(struct fadt, x_dsdt) == 140 && offsetof(struct fadt, x_pm1a_control) == 172,
               "[ACPI] 5.2.9");

#define FADT_LENGTH_1      offsetof(struct fadt, others)
#define FADT_HAS(f, field) ((f)->head.length >= offsetof(struct fadt, field) + sizeof(f)->field)

static bool sum_is_zero(const void *p, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
    return sum == 0;
}

// A whole and checked table, or NULL. `signature` NULL takes any.
static const void *table_at(uint64_t phys, const char *signature)
{
    const struct table *t = phys ? firmware_at(phys, sizeof *t) : NULL;
    if (!t || (signature && memcmp(t->signature, signature, sizeof t->signature) != 0))
        return NULL;
    uint32_t length = t->length;
    t = length >= sizeof *t ? firmware_at(phys, length) : NULL;
    return t && t->length == length && sum_is_zero(t, length) ? t : NULL;
}

// The table behind the n-th of the root's entries, which have 8 bytes in an XSDT and 4 in an RSDT.
static const void *table_of(const struct table *root, size_t n, const char *signature)
{
    size_t width = root->signature[0] == 'X' ? 8 : 4;
    uint64_t phys = 0;
    memcpy(&phys, (const char *)(root + 1) + n * width, width);
    return table_at(phys, signature);
}

static size_t entries_of(const struct table *root)
{
    return (root->length - sizeof *root) / (root->signature[0] == 'X' ? 8 : 4);
}

// A port from the old field or the generic address that supersedes it; 0 when it is not a port.
static uint16_t port_of(uint32_t old, const struct address *x)
{
    if (x && x->address)
        return x->space == 1 && x->address <= 0xffff ? (uint16_t)x->address : 0;
    return old <= 0xffff ? (uint16_t)old : 0;
}

#define PORT(f, field) port_of((f)->field, FADT_HAS(f, x_##field) ? &(f)->x_##field : NULL)

// An AML integer that fits a byte [ACPI] 20.2.3; moves the cursor behind it.
static bool aml_byte(const uint8_t **p, const uint8_t *end, uint8_t *value)
{
    if (end - *p >= 1 && **p <= 1) { // ZeroOp, OneOp
        *value = *(*p)++;
        return true;
    }
    if (end - *p < 2 || **p != 0x0a) // BytePrefix
        return false;
    *value = (*p)[1];
    *p += 2;
    return true;
}

// Name (_S5_, Package {SLP_TYPa, SLP_TYPb, ...}), found by its bytes: the only AML that is read. p is behind
// the name.
static bool read_s5(const uint8_t *p, const uint8_t *end, uint8_t type[2])
{
    if (end - p < 6 || *p++ != 0x12) // PackageOp, up to four bytes of length, one of count
        return false;
    p += 1 + (*p >> 6); // PkgLength: bits 7:6 of its first byte say how many bytes follow
    uint8_t elements = *p++;
    if (elements < 1 || !aml_byte(&p, end, &type[0]))
        return false;
    if (elements < 2 || !aml_byte(&p, end, &type[1]))
        type[1] = type[0];
    return type[0] < 8 && type[1] < 8; // three bits in PM1_CNT
}

static bool find_s5(const struct table *t, uint8_t type[2])
{
    const uint8_t *start = (const uint8_t *)(t + 1), *end = (const uint8_t *)t + t->length;
    for (const uint8_t *p = start; end - p > 4; p++) {
        bool named =
            p > start && (p[-1] == 0x08 || (p[-1] == '\\' && p - 1 > start && p[-2] == 0x08)); // NameOp
        if (named && memcmp(p, "_S5_", 4) == 0 && read_s5(p + 4, end, type))
            return true;
    }
    return false;
}

bool acpi_read_off(uint64_t root_at, struct acpi_off *off)
{
    const struct table *root = table_at(root_at, NULL), *t;
    const struct fadt *f = NULL;
    for (size_t i = 0; root && !f && i < entries_of(root); i++)
        f = table_of(root, i, "FACP");
    if (!f || f->head.length < FADT_LENGTH_1)
        return false;
    off->smi_command = port_of(f->smi_command, NULL);
    off->enable = f->acpi_enable;
    off->control[0] = PORT(f, pm1a_control);
    off->control[1] = PORT(f, pm1b_control);
    t = table_at(FADT_HAS(f, x_dsdt) && f->x_dsdt ? f->x_dsdt : f->dsdt, "DSDT");
    bool found = t && find_s5(t, off->type);
    for (size_t i = 0; !found && i < entries_of(root); i++) {
        t = table_of(root, i, "SSDT");
        found = t && find_s5(t, off->type);
    }
    return found && off->control[0];
}
