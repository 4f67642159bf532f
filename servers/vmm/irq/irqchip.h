// A VM's interrupt controllers and how they are wired
// SPDX-License-Identifier: MIT
//
// ISA line n goes to 8259 input n and IOAPIC pin n; the PIT's line 0 to pin 2; the 8259s' INTR to
// every LINT0 and to IOAPIC pin 0. Lines from 16 on reach the IOAPIC only. A line that several
// devices share is driven with the OR of their levels.
//
// Per exit of vCPU n, in this order: irqchip_settle() with what the exit says of the last offer,
// lapic_set_cr8(), lapic_advance(), the exit itself, irqchip_startup() until it says run or wait,
// irqchip_offer(). Functions add to `*kick` the vCPUs that must come out of the guest and do the
// same; the caller of a function on behalf of vCPU n does so anyway.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/vmm/irq/ioapic.h"
#include "servers/vmm/irq/lapic.h"
#include "servers/vmm/irq/pic.h"

#define IRQCHIP_CPUS   16u
#define IRQCHIP_LINES  IOAPIC_PINS
#define IRQCHIP_DEVICE IRQCHIP_CPUS // a message's sender that is no vCPU

struct irqchip_cpu {
    struct lapic lapic;
    uint8_t nmi;     // NMIs that wait: one in delivery and one latched behind it at most
    uint8_t extint;  // an ExtINT message waits for its INTA
    uint8_t init;    // INIT came: registers are to be reset
    uint8_t waiting; // for a SIPI
    uint8_t start;   // a SIPI came: run from `page`
    uint8_t page;
    uint8_t offered_nmi;
    uint8_t offered_pic; // the vector that the kernel holds is the 8259s'
};

struct irqchip {
    uint32_t cpus;
    uint8_t turn;    // who is asked first when lowest-priority candidates are equal
    uint8_t request; // what the 8259s asked for last: PIC_SPURIOUS is nothing
    uint8_t reserved[2];
    struct pic pic;
    struct ioapic ioapic;
    struct irqchip_cpu cpu[IRQCHIP_CPUS];
};
_Static_assert(sizeof(struct irqchip) == 248 + IRQCHIP_CPUS * 208, "the next incarnation reads this layout");

// APIC ID = index of the vCPU; 0 is the boot processor, the others wait for a SIPI.
void irqchip_power_up(struct irqchip *chip, uint32_t cpus, uint8_t features, uint8_t phys_bits);

void irqchip_set_line(struct irqchip *chip, unsigned gsi, bool level, uint32_t *kick);
void irqchip_set_nmi(struct irqchip *chip, bool level, uint32_t *kick); // the board's NMI line: LINT1
void irqchip_msi(struct irqchip *chip, uint64_t address, uint32_t data, uint32_t *kick);
void irqchip_send(struct irqchip *chip, unsigned from, const struct irq_message *message, uint32_t *kick);

// Accesses of vCPU n. False: no page of these chips (MMIO), #GP(0) (MSR).
bool irqchip_mmio_read(struct irqchip *chip, unsigned n, uint64_t gpa, unsigned size, uint64_t *value,
                       struct vclock now);
bool irqchip_mmio_write(struct irqchip *chip, unsigned n, uint64_t gpa, unsigned size, uint64_t value,
                        struct vclock now, uint32_t *kick);
bool irqchip_msr_read(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t *value, struct vclock now);
bool irqchip_msr_write(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t value, struct vclock now,
                       uint32_t *kick);
uint8_t irqchip_port_read(struct irqchip *chip, uint16_t port, uint32_t *kick); // a port of pic_owns()
void irqchip_port_write(struct irqchip *chip, uint16_t port, uint8_t value, uint32_t *kick);

// What becomes of vCPU n's registers. RESET and START are said once.
enum irqchip_startup {
    IRQCHIP_RUN,
    IRQCHIP_RESET, // to the values of INIT
    IRQCHIP_START, // in real mode at page << 12
    IRQCHIP_WAIT,  // for a SIPI: do not run
};
enum irqchip_startup irqchip_startup(struct irqchip *chip, unsigned n, uint8_t *page);

struct irqchip_offer {
    bool nmi;
    bool interrupt;
    bool extint; // from the 8259s: CR8 does not hold it back, any other vector it may until it is taken
    bool more;   // another one could go in right behind, with no exit between that would tell
    uint8_t vector;
};
struct irqchip_offer irqchip_offer(struct irqchip *chip, unsigned n, bool nmi_blocked);
void irqchip_settle(struct irqchip *chip, unsigned n, bool took_nmi, bool took_interrupt, uint32_t *kick);

// The guest skipped the EOI that lapic_eoi_skippable() had allowed. True: the chips that all share heard of
// it.
bool irqchip_skipped_eoi(struct irqchip *chip, unsigned n, uint32_t *kick);
