// IOAPICs and the 8259s
// SPDX-License-Identifier: MIT
//
// [82093AA] Intel 82093AA I/O APIC datasheet. Interrupts are named by GSI. The low half of each redirection
// entry is kept here, so that masking is one write and needs no reading back.

#include "kernel/platform/ioapic.h"

#include "kernel/lib/lock.h"
#include "kernel/lib/print.h"
#include "kernel/percpu.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define GSI_MAX 256

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

static struct spinlock ioapic_lock;
static struct ioapic ioapics[ACPI_IOAPICS_MAX];
static uint32_t ioapic_count, gsi_count;
static uint32_t entry_low[GSI_MAX];
static uint32_t isa_gsi[ACPI_ISA_IRQS];

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
static bool change(uint32_t gsi, uint32_t clear, uint32_t set)
{
    const struct ioapic *io = find(gsi);
    if (!io)
        return false;
    bool on = interrupts_save();
    lock(&ioapic_lock);
    entry_low[gsi] = (entry_low[gsi] & ~clear) | set;
    write_register(io, REG_ENTRY(gsi - io->first), entry_low[gsi]);
    unlock(&ioapic_lock);
    interrupts_restore(on);
    return true;
}

static void add(uint64_t address, uint32_t first)
{
    struct ioapic io = {device_map(address, PAGE_SIZE), first, 0};
    uint32_t count = (read_register(&io, REG_VERSION) >> 16 & 0xff) + 1;
    if (first >= GSI_MAX || count > GSI_MAX - first) {
        kprintf("platform: IOAPIC at %lx has GSIs beyond %u, ignored\n", address, GSI_MAX);
        return;
    }
    io.count = count;
    ioapics[ioapic_count++] = io;
    gsi_count = first + count > gsi_count ? first + count : gsi_count;
    for (uint32_t gsi = first; gsi < first + count; gsi++) {
        entry_low[gsi] = ENTRY_MASKED | (gsi < ACPI_ISA_IRQS ? 0 : ENTRY_LEVEL | ENTRY_LOW); // ISA, PCI
        write_register(&io, REG_ENTRY(gsi - first), entry_low[gsi]);
    }
}

void ioapic_init(const struct acpi_info *acpi)
{
    for (uint32_t i = 0; i < acpi->ioapic_count; i++)
        add(acpi->ioapic[i].address, acpi->ioapic[i].first_gsi);
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++) {
        uint16_t flags = acpi->isa[irq].flags;
        isa_gsi[irq] = acpi->isa[irq].gsi;
        irq_set_mode(isa_gsi[irq], (flags & ACPI_TRIGGER) == ACPI_TRIGGER_LEVEL,
                     (flags & ACPI_POLARITY) == ACPI_POLARITY_LOW);
    }
}

// All lines off; a spurious interrupt of theirs would need one that is on.
void pic_disable(void)
{
    outb(PIC1_DATA, 0xff);
    outb(PIC2_DATA, 0xff);
}

uint32_t irq_count(void)
{
    return gsi_count;
}

uint32_t irq_from_isa(uint8_t isa_irq)
{
    return isa_gsi[isa_irq % ACPI_ISA_IRQS];
}

bool irq_route(uint32_t gsi, uint8_t vector, uint32_t cpu_id)
{
    const struct ioapic *io = find(gsi);
    if (!io || cpu_id >= cpu_count || cpus[cpu_id]->apic_id > 0xff) // without remapping, 8 bits
        return false;
    bool on = interrupts_save();
    lock(&ioapic_lock);
    entry_low[gsi] = (entry_low[gsi] & (ENTRY_LEVEL | ENTRY_LOW)) | ENTRY_MASKED | vector;
    write_register(io, REG_ENTRY(gsi - io->first), entry_low[gsi]);
    write_register(io, REG_ENTRY(gsi - io->first) + 1, cpus[cpu_id]->apic_id << ENTRY_CPU_SHIFT);
    unlock(&ioapic_lock);
    interrupts_restore(on);
    return true;
}

void irq_set_mode(uint32_t gsi, bool level, bool low)
{
    change(gsi, ENTRY_LEVEL | ENTRY_LOW, (level ? ENTRY_LEVEL : 0) | (low ? ENTRY_LOW : 0));
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
