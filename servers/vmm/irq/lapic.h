// Local APIC of one vCPU: xAPIC and x2APIC, timer in all its modes
// SPDX-License-Identifier: MIT
//
// The kernel *offers* a vector to the processor; only the next exit tells whether it was taken.
// So IRR becomes ISR late, at lapic_accept(). An edge that arrives for the offered vector in
// between belongs to the next interrupt if the offer was taken and merges if it was not: that is
// what `again` remembers.
//
// A register access is made by the vCPU itself, which looks at its own offer afterwards; functions
// that others call say whether the vCPU is to be looked at.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/vmm/irq/message.h"
#include "servers/vmm/irq/vclock.h"

#define LAPIC_PAGE    0xfee00000ull
#define LAPIC_NONE    0 // "no vector": vectors below 16 never reach IRR
#define LAPIC_VERSION 0x14

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

enum lapic_feature {
    LAPIC_X2APIC = 1 << 0,
    LAPIC_TSC_DEADLINE = 1 << 1,
    LAPIC_EOI_SUPPRESS = 1 << 2, // EOI-broadcast suppression ([SDM] 3A 10.8.5)
};

enum lapic_msr {
    MSR_APIC_BASE = 0x1b,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC = 0x800, // up to 0x8ff
};

enum lapic_base { // bits of IA32_APIC_BASE ([SDM] 3A 10.4.4)
    LAPIC_BASE_BSP = 1 << 8,
    LAPIC_BASE_X2 = 1 << 10,
    LAPIC_BASE_ENABLE = 1 << 11,
};

enum lapic_icr { // bits of the interrupt command register ([SDM] 3A 10.6.1)
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
};

enum lapic_lvt_bits { // ([SDM] 3A 10.5.1)
    LVT_PENDING = 1 << 12,
    LVT_POLARITY = 1 << 13,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,
    LVT_DEADLINE = 1 << 18,
};

enum lapic_svr { SVR_ENABLE = 1 << 8, SVR_FOCUS = 1 << 9, SVR_EOI_SUPPRESS = 1 << 12 };

enum lapic_error { // ([SDM] 3A 10.5.3)
    ESR_SEND_VECTOR = 1 << 5,
    ESR_RECEIVE_VECTOR = 1 << 6,
    ESR_REGISTER = 1 << 7,
};

struct lapic {
    // First what taking, ending and timing an interrupt changes: LAPIC_VECTORS_BYTES.
    uint64_t deadline; // IA32_TSC_DEADLINE, 0 when disarmed
    uint64_t expiry;   // ns at which the count reaches zero; meaningful while `counting`
    uint8_t counting;
    uint8_t pins;    // levels of LINT0 and LINT1
    uint8_t offered; // vector that the kernel holds, or LAPIC_NONE
    uint8_t again;   // `offered` was raised once more since
    uint8_t features;
    uint8_t phys_bits; // MAXPHYADDR, for the reserved bits of IA32_APIC_BASE
    uint8_t reserved[2];
    uint32_t esr;    // as latched by the last write
    uint32_t errors; // collected since then
    uint64_t irr[4]; // bit v: vector v
    uint64_t isr[4];
    uint64_t tmr[4];

    uint64_t base; // IA32_APIC_BASE
    uint32_t x2id; // initial APIC ID, the only one in x2APIC mode
    uint32_t id;   // xAPIC ID, which software may change
    uint32_t tpr;
    uint32_t ldr; // eight bits, xAPIC mode only
    uint32_t dfr; // four bits, ditto
    uint32_t svr;
    uint32_t icr;
    uint32_t icr_dest; // ICR[63:32]
    uint32_t lvt[LVT_COUNT];
    uint32_t initial_count;
    uint32_t divide;
};
#define LAPIC_VECTORS_BYTES offsetof(struct lapic, base)
_Static_assert(sizeof(struct lapic) == 200, "the next incarnation reads this layout");

struct lapic_config {
    uint32_t id;
    bool bsp;
    uint8_t features; // enum lapic_feature
    uint8_t phys_bits;
};

// What a register write asks of the other chips.
struct lapic_effect {
    struct irq_message ipi; // valid if `sent`
    bool sent;
    uint8_t eoi; // level-triggered vector to announce to the IOAPICs, or LAPIC_NONE
};

enum lapic_event {         // what a local source came to
    LAPIC_VECTOR = 1 << 0, // a vector waits: look at the vCPU
    LAPIC_NMI = 1 << 1,
    LAPIC_SMI = 1 << 2,
    LAPIC_INIT = 1 << 3,
};

enum lapic_clock { LAPIC_CLOCK_NONE, LAPIC_CLOCK_NS, LAPIC_CLOCK_TSC };

struct lapic_deadline {
    enum lapic_clock clock; // which part of struct vclock `when` is compared with
    uint64_t when;
};

void lapic_power_up(struct lapic *l, const struct lapic_config *config);
void lapic_init_signal(struct lapic *l);  // INIT: all but the ID and IA32_APIC_BASE
void lapic_virtual_wire(struct lapic *l); // as firmware leaves the boot processor's

// Registers. lapic_owns(): does the page at `gpa` answer? An access that no mode defines reads 0.
bool lapic_owns(const struct lapic *l, uint64_t gpa);
uint64_t lapic_mmio_read(struct lapic *l, uint32_t offset, unsigned size, struct vclock now);
struct lapic_effect lapic_mmio_write(struct lapic *l, uint32_t offset, unsigned size, uint64_t value,
                                     struct vclock now);

// MSRs of enum lapic_msr; false is #GP(0).
bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value, struct vclock now);
bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value, struct vclock now,
                     struct lapic_effect *effect);

uint64_t lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, uint64_t cr8);

// Messages. lapic_receive() takes a fixed interrupt; true: look at the vCPU.
bool lapic_enabled(const struct lapic *l);     // by hardware and by software
bool lapic_globally_on(const struct lapic *l); // by hardware
bool lapic_matches(const struct lapic *l, uint32_t dest, bool logical);
uint8_t lapic_arbitration(const struct lapic *l); // APR: the lowest one gets an IRQ_LOWEST
bool lapic_receive(struct lapic *l, uint8_t vector, bool level);

// Local pins: 0 is LINT0 (the 8259's INTR), 1 is LINT1 (NMI). Returns enum lapic_event bits.
unsigned lapic_pin(struct lapic *l, unsigned pin, bool level);
bool lapic_extint(const struct lapic *l); // INTR reaches the processor

// Delivery: choose, offer, then either accept (it was taken) or withdraw (it was not).
uint8_t lapic_ppr(const struct lapic *l);
uint8_t lapic_highest(const struct lapic *l);
void lapic_offer(struct lapic *l, uint8_t vector);
void lapic_accept(struct lapic *l, uint8_t vector);
void lapic_withdraw(struct lapic *l);
struct lapic_effect lapic_eoi(struct lapic *l);

// May the guest skip the EOI of what is in service, or of what is offered if it goes in `at_once`? The caller
// then applies a skipped one by lapic_eoi(), after the accept and before anything else of that exit.
bool lapic_eoi_skippable(const struct lapic *l, bool at_once);

// Timer. Advance returns true if an interrupt became pending.
bool lapic_advance(struct lapic *l, struct vclock now);
struct lapic_deadline lapic_deadline(const struct lapic *l);
