// IOAPICs and the 8259s
// SPDX-License-Identifier: MIT
//
// [82093AA] Intel 82093AA I/O APIC datasheet. Interrupts are named by GSI. The low half of each redirection
// entry is kept here, so that masking is one write and needs no reading back.

#include "kernel/lib/print.h"
#include "kernel/platform/parts.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define GSI_MAX  256
#define ISA_IRQS 16

#define INDEX 0x00 // byte offsets of the two registers that software sees
#define DATA  0x10

#define REG_VERSION     1
#define REG_ENTRY(pin)  (0x10 + 2 * (pin)) // low half; the next register is the high half
#define ENTRY_LOW       (1u << 13)
#define ENTRY_LEVEL     (1u << 15)
#define ENTRY_MASKED    (1u << 16)
#define ENTRY_CPU_SHIFT 24

#define PIC1_DATA 0x21
#define PIC2_DATA 0xa1

struct ioapic {
    volatile uint32_t *registers;
    uint32_t first, count; // GSIs
};

static struct ioapic ioapics[ACPI_IOAPICS_MAX];
static uint32_t ioapic_count, gsi_count;
static uint32_t entry_low[GSI_MAX];

static uint32_t read_register(const struct ioapic *io, uint32_t reg)
{
    io->registers[INDEX / 4] = reg;
    return io->registers[DATA / 4];
}

static void write_register(const struct ioapic *io, uint32_t reg, uint32_t v)
{
    io->registers[INDEX / 4] = reg;
    io->registers[DATA / 4] = v;
}

static const struct ioapic *find(uint32_t gsi)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (gsi - ioapics[i].first < ioapics[i].count)
            return &ioapics[i];
    return NULL;
}

// Changes the low half of a GSI's entry: bits in `clear` go, bits in `set` come.
static void change(uint32_t gsi, uint32_t clear, uint32_t set)
{
    const struct ioapic *io = find(gsi);
    if (!io)
        return;
    entry_low[gsi] = (entry_low[gsi] & ~clear) | set;
    write_register(io, REG_ENTRY(gsi - io->first), entry_low[gsi]);
}

static void add(uint64_t address, uint32_t first)
{
    struct ioapic io = {device_map(address), first, 0};
    io.count = (read_register(&io, REG_VERSION) >> 16 & 0xff) + 1;
    if (first >= GSI_MAX || io.count > GSI_MAX - first) {
        kprintf("platform: IOAPIC at %lx has GSIs beyond %u, ignored\n", address, GSI_MAX);
        return;
    }
    ioapics[ioapic_count++] = io;
    gsi_count = first + io.count > gsi_count ? first + io.count : gsi_count;
    for (uint32_t gsi = first; gsi < first + io.count; gsi++)
        change(gsi, 0, ENTRY_MASKED | (gsi < ISA_IRQS ? 0 : ENTRY_LEVEL | ENTRY_LOW)); // ISA, PCI
}

void ioapic_init(const struct acpi_info *acpi)
{
    outb(PIC1_DATA, 0xff); // all lines off; a spurious interrupt of theirs would need one that is on
    outb(PIC2_DATA, 0xff);
    for (uint32_t i = 0; i < acpi->ioapic_count; i++)
        add(acpi->ioapic[i].address, acpi->ioapic[i].first_gsi);
    for (uint32_t i = 0; i < acpi->override_count; i++)
        change(acpi->override[i].gsi, ENTRY_LEVEL | ENTRY_LOW,
               (acpi->override[i].level ? ENTRY_LEVEL : 0) | (acpi->override[i].low ? ENTRY_LOW : 0));
}

uint32_t irq_count(void)
{
    return gsi_count;
}

bool irq_route(uint32_t gsi, uint8_t vector, uint32_t cpu_id)
{
    const struct ioapic *io = find(gsi);
    if (!io || cpus[cpu_id]->apic_id > 0xff) // without remapping, 8 bits
        return false;
    change(gsi, 0xff, ENTRY_MASKED | vector);
    write_register(io, REG_ENTRY(gsi - io->first) + 1, cpus[cpu_id]->apic_id << ENTRY_CPU_SHIFT);
    return true;
}

void irq_mask(uint32_t gsi)
{
    change(gsi, 0, ENTRY_MASKED);
}

void irq_unmask(uint32_t gsi)
{
    change(gsi, ENTRY_MASKED, 0);
}

bool irq_is_level(uint32_t gsi)
{
    return gsi < GSI_MAX && entry_low[gsi] & ENTRY_LEVEL;
}
