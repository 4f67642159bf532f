// The ACPI tables of a virtual machine
// SPDX-License-Identifier: MIT
//
// [ACPI] 6.3, 5.2 "ACPI system description tables". One pass from front to back; the RSDP is filled in last.
#include "servers/vmm/acpi/acpi.h"

#include <string.h>

#include "servers/vmm/acpi/dsdt.h"
#include "servers/vmm/acpi/format.h"
#include "servers/vmm/dev/pm.h"
#include "servers/vmm/dev/reset_control.h"
#include "servers/vmm/dev/rtc.h"

#define LAPIC_ADDRESS  0xfee00000U
#define IOAPIC_ADDRESS 0xfec00000U

#define OEM_ID       "BULKHD"
#define OEM_TABLE_ID "BULKHEAD"
#define CREATOR_ID   "BLKH"

enum { XAPIC_IDS = 255 }; // ids from here on need x2APIC entries

// The tables are byte streams like the AML in them, so the same writer serves.
struct image {
    struct aml out;
    uint64_t gpa;
};

static void bytes(struct image *im, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        aml_byte(&im->out, ((const uint8_t *)data)[i]);
}

static void align(struct image *im, size_t to)
{
    while (im->out.used % to)
        aml_byte(&im->out, 0);
}

static bool fits(const struct image *im)
{
    return im->out.used <= im->out.size;
}

static uint8_t checksum(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;
    while (size--)
        sum = (uint8_t)(sum + *data++);
    return (uint8_t)-sum;
}

static struct acpi_header header(const char *signature, uint8_t revision)
{
    struct acpi_header h = {.revision = revision, .oem_revision = 1, .creator_revision = 1};
    memcpy(h.signature, signature, sizeof(h.signature));
    memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
    memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
    memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
    return h;
}

static size_t begin(struct image *im)
{
    align(im, 16);
    return im->out.used;
}

// Fills in length and checksum of the table that began at `start`; returns where the guest finds it.
static uint64_t finish(struct image *im, size_t start)
{
    if (fits(im)) {
        struct acpi_header *h = (void *)(im->out.bytes + start);
        h->length = (uint32_t)(im->out.used - start);
        h->checksum = checksum(im->out.bytes + start, h->length);
    }
    return im->gpa + start;
}

static uint64_t write_facs(struct image *im)
{
    align(im, ACPI_IMAGE_ALIGN);
    uint64_t gpa = im->gpa + im->out.used;
    struct acpi_facs facs = {.signature = {'F', 'A', 'C', 'S'}, .length = sizeof(facs), .version = 2};
    bytes(im, &facs, sizeof(facs));
    return gpa;
}

static uint64_t write_dsdt(struct image *im, const struct acpi_config *config)
{
    size_t start = begin(im);
    struct acpi_header h = header("DSDT", 2); // integers of 64 bits
    bytes(im, &h, sizeof(h));
    dsdt_write(&im->out, config);
    return finish(im, start);
}

static struct acpi_address port(uint16_t address, uint8_t width, uint8_t access)
{
    return (struct acpi_address){
        .space = ACPI_SPACE_IO, .width = width, .access = access, .address = address};
}

static void fixed_hardware(struct acpi_fadt *f)
{
    f->sci = PM_SCI_IRQ;
    f->pm1a_event = PM1_EVENT_PORT;
    f->pm1_event_bytes = 4;
    f->x_pm1a_event = port(PM1_EVENT_PORT, 32, ACPI_ACCESS_WORD);
    f->pm1a_control = PM1_CONTROL_PORT;
    f->pm1_control_bytes = 2;
    f->x_pm1a_control = port(PM1_CONTROL_PORT, 16, ACPI_ACCESS_WORD);
    f->pm_timer = PM_TIMER_PORT;
    f->pm_timer_bytes = 4;
    f->x_pm_timer = port(PM_TIMER_PORT, 32, ACPI_ACCESS_DWORD);
    f->gpe0 = PM_GPE0_PORT;
    f->gpe0_bytes = 4;
    f->x_gpe0 = port(PM_GPE0_PORT, 32, ACPI_ACCESS_BYTE);
    f->reset = port(RESET_PORT, 8, ACPI_ACCESS_BYTE);
    f->reset_value = RESET_VALUE;
}

static uint64_t write_fadt(struct image *im, const struct acpi_config *config, uint64_t facs, uint64_t dsdt)
{
    size_t start = begin(im);
    struct acpi_fadt f = {
        .header = header("FACP", 6),
        .facs = (uint32_t)facs,
        .dsdt = (uint32_t)dsdt,
        .x_dsdt = dsdt,
        .c2_latency = 0xffff, // no C2, no C3
        .c3_latency = 0xffff,
        .century = RTC_CENTURY,
        .boot_flags = (uint16_t)(BOOT_LEGACY_DEVICES | BOOT_NO_ASPM | (config->vga ? 0 : BOOT_NO_VGA)),
        .flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_FIXED_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
                 FADT_TIMER_32_BITS | FADT_RESET_REGISTER,
        .minor = 3,
    };
    fixed_hardware(&f);
    bytes(im, &f, sizeof(f));
    return finish(im, start);
}

static void madt_cpus(struct image *im, uint32_t cpus)
{
    for (uint32_t i = 0; i < cpus; i++) {
        if (i < XAPIC_IDS) {
            struct madt_lapic e = {0, sizeof(e), (uint8_t)i, (uint8_t)i, MADT_ENABLED};
            bytes(im, &e, sizeof(e));
        } else {
            struct madt_x2apic e = {9, sizeof(e), 0, i, MADT_ENABLED, i};
            bytes(im, &e, sizeof(e));
        }
    }
}

// The local APICs' second pin is the NMI line.
static void madt_nmi(struct image *im, uint32_t cpus)
{
    struct madt_lapic_nmi all = {4, sizeof(all), MADT_ALL_CPUS, MADT_CONFORMS, 1};
    bytes(im, &all, sizeof(all));
    if (cpus <= XAPIC_IDS)
        return;
    struct madt_x2apic_nmi all_x2 = {10, sizeof(all_x2), MADT_CONFORMS, MADT_ALL_UIDS, 1, {0}};
    bytes(im, &all_x2, sizeof(all_x2));
}

static uint64_t write_madt(struct image *im, const struct acpi_config *config)
{
    size_t start = begin(im);
    struct acpi_madt madt = {header("APIC", 4), LAPIC_ADDRESS, MADT_PC_AT_COMPATIBLE};
    struct madt_ioapic ioapic = {1, sizeof(ioapic), config->ioapic_id, 0, IOAPIC_ADDRESS, 0};
    struct madt_override timer = {2, sizeof(timer), 0, 0, 2, MADT_CONFORMS};
    struct madt_override sci = {2, sizeof(sci), 0, PM_SCI_IRQ, PM_SCI_IRQ, MADT_LEVEL_LOW};
    bytes(im, &madt, sizeof(madt));
    madt_cpus(im, config->cpus);
    bytes(im, &ioapic, sizeof(ioapic));
    bytes(im, &timer, sizeof(timer));
    bytes(im, &sci, sizeof(sci));
    madt_nmi(im, config->cpus);
    return finish(im, start);
}

// RSDT and XSDT differ in the width of their addresses.
static uint64_t write_root(struct image *im, const char *signature, size_t width, const uint64_t *tables,
                           size_t count)
{
    size_t start = begin(im);
    struct acpi_header h = header(signature, 1);
    bytes(im, &h, sizeof(h));
    for (size_t i = 0; i < count; i++)
        bytes(im, &tables[i], width);
    return finish(im, start);
}

static void write_rsdp(struct image *im, uint64_t rsdt, uint64_t xsdt)
{
    struct acpi_rsdp r = {.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
                          .revision = 2,
                          .rsdt = (uint32_t)rsdt,
                          .length = sizeof(r),
                          .xsdt = xsdt};
    memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
    r.checksum = checksum((const uint8_t *)&r, 20);
    r.extended_checksum = checksum((const uint8_t *)&r, sizeof(r));
    memcpy(im->out.bytes, &r, sizeof(r));
}

static bool sound(const struct acpi_config *config, size_t size)
{
    return config->cpus >= 1 && config->cpus <= ACPI_CPUS && config->gpa % ACPI_IMAGE_ALIGN == 0 &&
           config->gpa < UINT64_C(1) << 32 && size <= (UINT64_C(1) << 32) - config->gpa &&
           config->pci_memory <= config->pci_memory_last && config->pci_memory64 <= config->pci_memory64_last;
}

size_t acpi_build(void *image, size_t size, const struct acpi_config *config)
{
    if (!sound(config, size))
        return 0;
    struct image im = {.out = {.bytes = image, .size = size}, .gpa = config->gpa};
    struct acpi_rsdp room = {0};
    bytes(&im, &room, sizeof(room));
    uint64_t facs = write_facs(&im), dsdt = write_dsdt(&im, config);
    const uint64_t tables[] = {write_fadt(&im, config, facs, dsdt), write_madt(&im, config)};
    const size_t count = sizeof(tables) / sizeof(tables[0]);
    uint64_t rsdt = write_root(&im, "RSDT", 4, tables, count);
    uint64_t xsdt = write_root(&im, "XSDT", 8, tables, count);
    if (!fits(&im))
        return 0;
    write_rsdp(&im, rsdt, xsdt);
    return im.out.used;
}
