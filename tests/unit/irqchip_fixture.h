// Four vCPUs and their interrupt controllers, and short words for what tests do to them
// SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/irq/irqchip.h"

enum { CPUS = 4, ALL = (1 << CPUS) - 1 };
enum { TPR = 0x80, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ICR = 0x300, ICR2 = 0x310 };
enum { LINT0 = 0x350, LINT1 = 0x360 };
enum { SELF = 1 << 18, EVERYBODY = 2 << 18, OTHERS = 3 << 18, LOGICAL = ICR_LOGICAL };
enum {
    NMI = IRQ_NMI << 8,
    INIT = IRQ_INIT << 8,
    SIPI = IRQ_SIPI << 8,
    LOWEST = IRQ_LOWEST << 8,
    EXTINT = IRQ_EXTINT << 8
};
enum { MASTER_BASE = 0x30, SLAVE_BASE = 0x38, PIC_EOI = 0x20 };

static struct irqchip chip;
static const struct vclock now = {1000, 1000};

static inline uint32_t apic(unsigned n, uint32_t reg, uint32_t value)
{
    uint32_t kick = 0;

    assert_true(irqchip_mmio_write(&chip, n, LAPIC_PAGE + reg, 4, value, now, &kick));
    return kick;
}

static inline uint32_t ipi(unsigned n, uint32_t dest, uint32_t icr)
{
    return apic(n, ICR2, dest << 24) | apic(n, ICR, icr);
}

static inline bool x2(unsigned n, uint32_t reg, uint64_t value, uint32_t *kick)
{
    *kick = 0;
    return irqchip_msr_write(&chip, n, MSR_X2APIC + reg / 16, value, now, kick);
}

static inline uint32_t line(unsigned gsi, bool level)
{
    uint32_t kick = 0;

    irqchip_set_line(&chip, gsi, level, &kick);
    return kick;
}

static inline uint32_t edge(unsigned gsi)
{
    return line(gsi, false) | line(gsi, true);
}

static inline uint32_t out(uint16_t port, uint8_t value)
{
    uint32_t kick = 0;

    irqchip_port_write(&chip, port, value, &kick);
    return kick;
}

static inline uint32_t msi(uint64_t address, uint32_t data)
{
    uint32_t kick = 0;

    irqchip_msi(&chip, LAPIC_PAGE | address, data, &kick);
    return kick;
}

static inline uint32_t io_write(uint8_t reg, uint32_t value)
{
    uint32_t kick = 0;

    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE, 4, reg, now, &kick));
    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE + 0x10, 4, value, now, &kick));
    return kick;
}

static inline uint32_t io_entry(unsigned pin)
{
    uint32_t kick = 0;
    uint64_t value;

    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE, 4, 0x10 + 2 * pin, now, &kick));
    assert_true(irqchip_mmio_read(&chip, 0, IOAPIC_PAGE + 0x10, 4, &value, now));
    return (uint32_t)value;
}

static inline uint32_t route(unsigned pin, uint32_t dest, uint32_t low)
{
    io_write((uint8_t)(0x11 + 2 * pin), dest << 24);
    return io_write((uint8_t)(0x10 + 2 * pin), low);
}

static inline uint32_t settle(unsigned n, bool nmi, bool interrupt)
{
    uint32_t kick = 0;

    irqchip_settle(&chip, n, nmi, interrupt, &kick);
    return kick;
}

// The vector that vCPU n is offered and takes; 0 if there is none.
static inline unsigned take(unsigned n)
{
    const struct irqchip_offer offer = irqchip_offer(&chip, n, false);

    settle(n, offer.nmi, offer.interrupt);
    return offer.interrupt ? offer.vector : 0;
}

static inline unsigned serve(unsigned n)
{
    const unsigned vector = take(n);

    if (vector)
        apic(n, EOI, 0);
    return vector;
}

static inline void start(unsigned n)
{
    uint8_t page;

    ipi(0, n, INIT);
    ipi(0, n, SIPI | 0x99);
    while (irqchip_startup(&chip, n, &page) != IRQCHIP_RUN) {
    }
}

static inline void initialise_pic(uint8_t icw4)
{
    out(0x20, 0x11);
    out(0x21, MASTER_BASE);
    out(0x21, 4);
    out(0x21, 1 | icw4);
    out(0xa0, 0x11);
    out(0xa1, SLAVE_BASE);
    out(0xa1, 2);
    out(0xa1, 1 | icw4);
}

static inline int setup(void **state)
{
    (void)state;
    irqchip_power_up(&chip, CPUS, LAPIC_X2APIC | LAPIC_TSC_DEADLINE, 40);
    for (unsigned n = 0; n < CPUS; n++) {
        if (n)
            start(n);
        apic(n, SVR, 0x1ff);
    }
    return 0;
}

// As firmware leaves it: the 8259s by LINT0 of vCPU 0.
static inline int setup_pic(void **state)
{
    setup(state);
    lapic_virtual_wire(&chip.cpu[0].lapic);
    initialise_pic(0);
    return 0;
}

static inline int setup_x2(void **state)
{
    setup(state);
    for (unsigned n = 0; n < CPUS; n++) {
        uint32_t kick = 0;

        assert_true(irqchip_msr_write(&chip, n, MSR_APIC_BASE, LAPIC_PAGE | LAPIC_BASE_ENABLE | LAPIC_BASE_X2,
                                      now, &kick));
    }
    return 0;
}
