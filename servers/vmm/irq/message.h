// Interrupt messages: what IOAPICs, MSIs and IPIs send to local APICs
// SPDX-License-Identifier: MIT
//
// One form for all senders. Senders with eight-bit destinations turn 0xff into IRQ_BROADCAST, so
// that a receiver need not know in which mode the sender was. INIT level de-assert, which nothing
// since the Pentium 4 acts on, is never a message.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Delivery modes, as encoded in ICR, LVT, redirection entries and MSI data ([SDM] 3A 10.6.1).
enum irq_delivery {
    IRQ_FIXED = 0,
    IRQ_LOWEST = 1,
    IRQ_SMI = 2,
    IRQ_NMI = 4,
    IRQ_INIT = 5,
    IRQ_SIPI = 6,
    IRQ_EXTINT = 7,
};

// Destination shorthands, as encoded in ICR[19:18].
enum irq_shorthand { IRQ_DEST, IRQ_SELF, IRQ_ALL, IRQ_OTHERS };

#define IRQ_BROADCAST    UINT32_MAX
#define IRQ_FIRST_VECTOR 16 // vectors below are illegal on an APIC ([SDM] 3A 10.5.2)

struct irq_message {
    uint32_t dest;     // APIC ID, or logical destination; IRQ_BROADCAST is everybody
    uint8_t vector;    // start page for IRQ_SIPI, ignored for IRQ_NMI, IRQ_INIT and IRQ_EXTINT
    uint8_t delivery;  // enum irq_delivery
    uint8_t shorthand; // enum irq_shorthand; anything but IRQ_DEST overrides dest
    bool logical;
    bool level; // level-triggered: the receiver's EOI is wanted
};

// An eight-bit destination field in its 32-bit meaning.
static inline uint32_t irq_dest8(uint32_t dest)
{
    return dest == 0xff ? IRQ_BROADCAST : dest;
}

static inline bool irq_has_vector(uint8_t delivery)
{
    return delivery == IRQ_FIXED || delivery == IRQ_LOWEST;
}
