// IOAPIC: registers, redirection, level handshake
// SPDX-License-Identifier: MIT
//
// Sections cite the 82093AA data sheet (Intel 290566); the EOI register is that of the ICH family.
// Remote IRR is set when the message leaves: on a chipset that posts it the IOAPIC cannot know who
// accepted. An edge on a masked pin is lost (82093AA 3.2.4, "not delivered or held pending").
#include "servers/vmm/irq/ioapic.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { REG_ID = 0, REG_VERSION = 1, REG_ARBITRATION = 2, REG_ENTRIES = 0x10 };

#define ENTRY_WRITABLE 0xff0000000001afffull

void ioapic_power_up(struct ioapic *io)
{
    *io = (struct ioapic){0};
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        io->entry[pin] = REDIR_MASKED;
}

static uint8_t delivery(uint64_t entry)
{
    return entry >> 8 & 7;
}

// Modes other than fixed and lowest priority are edges, whatever the trigger bit says (3.2.4).
static bool is_level(uint64_t entry)
{
    return (entry & REDIR_LEVEL) && irq_has_vector(delivery(entry));
}

static bool due(const struct ioapic *io, unsigned pin)
{
    const uint64_t entry = io->entry[pin];

    if (entry & REDIR_MASKED)
        return false;
    if (is_level(entry))
        return (io->lines >> pin & 1) && !(entry & REDIR_REMOTE_IRR);
    return io->edges >> pin & 1;
}

bool ioapic_next(struct ioapic *io, struct irq_message *message)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        const uint64_t entry = io->entry[pin];

        if (!due(io, pin))
            continue;
        io->edges &= ~(1u << pin);
        if (is_level(entry))
            io->entry[pin] |= REDIR_REMOTE_IRR;
        *message = (struct irq_message){
            .dest = irq_dest8((uint32_t)(entry >> 56)),
            .vector = (uint8_t)entry,
            .delivery = delivery(entry),
            .logical = entry & REDIR_LOGICAL,
            .level = is_level(entry),
        };
        return true;
    }
    return false;
}

void ioapic_set_line(struct ioapic *io, unsigned pin, bool level)
{
    const uint32_t mask = 1u << pin;
    const bool rising = level && !(io->lines & mask);

    io->lines = level ? io->lines | mask : io->lines & ~mask;
    if (rising && !(io->entry[pin] & REDIR_MASKED) && !is_level(io->entry[pin]))
        io->edges |= mask;
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if ((uint8_t)io->entry[pin] == vector)
            io->entry[pin] &= ~(uint64_t)REDIR_REMOTE_IRR;
    }
}

static uint32_t read_entry(const struct ioapic *io, unsigned index)
{
    const unsigned pin = index / 2;

    if (pin >= IOAPIC_PINS)
        return 0;
    return (uint32_t)(io->entry[pin] >> index % 2 * 32) |
           (index % 2 ? 0 : (io->edges >> pin & 1) * REDIR_PENDING);
}

static void write_entry(struct ioapic *io, unsigned index, uint32_t value)
{
    const unsigned pin = index / 2, shift = index % 2 * 32;
    uint64_t *entry, written;

    if (pin >= IOAPIC_PINS)
        return;
    entry = &io->entry[pin];
    written = ENTRY_WRITABLE & (uint64_t)UINT32_MAX << shift;
    *entry = (*entry & ~written) | ((uint64_t)value << shift & written);
    // Remote IRR is undefined for an edge and reads 0; guests that know no EOI register clear it so.
    if (!is_level(*entry))
        *entry &= ~(uint64_t)REDIR_REMOTE_IRR;
    if (*entry & (REDIR_MASKED | REDIR_LEVEL))
        io->edges &= ~(1u << pin);
}

static uint32_t read_window(const struct ioapic *io)
{
    switch (io->select) {
    case REG_ID: return (uint32_t)io->id << 24;
    case REG_VERSION: return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
    case REG_ARBITRATION: return (uint32_t)io->arbitration << 24;
    default: return io->select < REG_ENTRIES ? 0 : read_entry(io, io->select - REG_ENTRIES);
    }
}

static void write_window(struct ioapic *io, uint32_t value)
{
    if (io->select == REG_ID)
        io->id = io->arbitration = value >> 24 & 0xf; // 3.2.3: the arbitration ID is loaded along
    else if (io->select >= REG_ENTRIES)
        write_entry(io, io->select - REG_ENTRIES, value);
}

uint64_t ioapic_read(const struct ioapic *io, uint32_t offset, unsigned size)
{
    const uint64_t value = offset / 16 == IOREGSEL / 16 ? io->select
                           : offset / 16 == IOWIN / 16  ? read_window(io)
                                                        : 0;

    return offset % 16 ? 0 : size < 4 ? value & ((1u << size * 8) - 1) : value;
}

void ioapic_write(struct ioapic *io, uint32_t offset, unsigned size, uint64_t value)
{
    if (offset == IOREGSEL)
        io->select = (uint8_t)value;
    else if (offset == IOWIN && size == 4) // "must be accessed as a dword" (3.1)
        write_window(io, (uint32_t)value);
    else if (offset == IOEOI)
        ioapic_eoi(io, (uint8_t)value);
}
