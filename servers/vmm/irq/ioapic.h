// IOAPIC with 24 inputs
// SPDX-License-Identifier: MIT
//
// Version 0x20, the chipset's, rather than the 82093AA's 0x11: its EOI register lets a guest end a
// level interrupt directly (one access), where Linux needs four with 0x11: mask, edge, level, unmask.
//
// Lines carry assertion, not voltage: which polarity means "asserted" is between the board and its
// ACPI tables, so the polarity bit is kept and has no effect.
//
// Whatever changed, ioapic_next() then yields the messages that are due, one at a time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/irq/message.h"

#define IOAPIC_PAGE    0xfec00000ull
#define IOAPIC_PINS    24u
#define IOAPIC_VERSION 0x20

enum ioapic_entry {
    REDIR_LOGICAL = 1 << 11,
    REDIR_PENDING = 1 << 12, // delivery status
    REDIR_POLARITY = 1 << 13,
    REDIR_REMOTE_IRR = 1 << 14,
    REDIR_LEVEL = 1 << 15,
    REDIR_MASKED = 1 << 16,
};

struct ioapic {
    uint64_t entry[IOAPIC_PINS]; // delivery status is kept in `edges`
    uint32_t lines;              // levels
    uint32_t edges;              // rising edges that are not yet sent
    uint8_t select;
    uint8_t id;
    uint8_t arbitration;
    uint8_t reserved[5];
};
_Static_assert(sizeof(struct ioapic) == 208, "the next incarnation reads this layout");

void ioapic_power_up(struct ioapic *io);

// Offset in the page at IOAPIC_PAGE.
uint64_t ioapic_read(const struct ioapic *io, uint32_t offset, unsigned size);
void ioapic_write(struct ioapic *io, uint32_t offset, unsigned size, uint64_t value);

void ioapic_set_line(struct ioapic *io, unsigned pin, bool level);
void ioapic_eoi(struct ioapic *io, uint8_t vector);

bool ioapic_next(struct ioapic *io, struct irq_message *message);
