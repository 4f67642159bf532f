// The chips together: wiring, MSIs, IPIs among several vCPUs, start-up, what is offered and taken
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/irqchip.c servers/vmm/irq/irqchip_cpu.c servers/vmm/irq/pic.c
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
// LINK: servers/vmm/irq/ioapic.c
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

static uint32_t apic(unsigned n, uint32_t reg, uint32_t value)
{
    uint32_t kick = 0;

    assert_true(irqchip_mmio_write(&chip, n, LAPIC_PAGE + reg, 4, value, now, &kick));
    return kick;
}

static uint32_t ipi(unsigned n, uint32_t dest, uint32_t icr)
{
    return apic(n, ICR2, dest << 24) | apic(n, ICR, icr);
}

static bool x2(unsigned n, uint32_t reg, uint64_t value, uint32_t *kick)
{
    *kick = 0;
    return irqchip_msr_write(&chip, n, MSR_X2APIC + reg / 16, value, now, kick);
}

static uint32_t line(unsigned gsi, bool level)
{
    uint32_t kick = 0;

    irqchip_set_line(&chip, gsi, level, &kick);
    return kick;
}

static uint32_t edge(unsigned gsi)
{
    return line(gsi, false) | line(gsi, true);
}

static uint32_t out(uint16_t port, uint8_t value)
{
    uint32_t kick = 0;

    irqchip_port_write(&chip, port, value, &kick);
    return kick;
}

static uint32_t msi(uint64_t address, uint32_t data)
{
    uint32_t kick = 0;

    irqchip_msi(&chip, LAPIC_PAGE | address, data, &kick);
    return kick;
}

static uint32_t io_write(uint8_t reg, uint32_t value)
{
    uint32_t kick = 0;

    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE, 4, reg, now, &kick));
    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE + 0x10, 4, value, now, &kick));
    return kick;
}

static uint32_t io_entry(unsigned pin)
{
    uint32_t kick = 0;
    uint64_t value;

    assert_true(irqchip_mmio_write(&chip, 0, IOAPIC_PAGE, 4, 0x10 + 2 * pin, now, &kick));
    assert_true(irqchip_mmio_read(&chip, 0, IOAPIC_PAGE + 0x10, 4, &value, now));
    return (uint32_t)value;
}

static uint32_t route(unsigned pin, uint32_t dest, uint32_t low)
{
    io_write((uint8_t)(0x11 + 2 * pin), dest << 24);
    return io_write((uint8_t)(0x10 + 2 * pin), low);
}

static uint32_t settle(unsigned n, bool nmi, bool interrupt)
{
    uint32_t kick = 0;

    irqchip_settle(&chip, n, nmi, interrupt, &kick);
    return kick;
}

// The vector that vCPU n is offered and takes; 0 if there is none.
static unsigned take(unsigned n)
{
    const struct irqchip_offer offer = irqchip_offer(&chip, n, false);

    settle(n, offer.nmi, offer.interrupt);
    return offer.interrupt ? offer.vector : 0;
}

static unsigned serve(unsigned n)
{
    const unsigned vector = take(n);

    if (vector)
        apic(n, EOI, 0);
    return vector;
}

static void start(unsigned n)
{
    uint8_t page;

    ipi(0, n, INIT);
    ipi(0, n, SIPI | 0x99);
    while (irqchip_startup(&chip, n, &page) != IRQCHIP_RUN) {
    }
}

static void initialise_pic(uint8_t icw4)
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

static int setup(void **state)
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
static int setup_pic(void **state)
{
    setup(state);
    lapic_virtual_wire(&chip.cpu[0].lapic);
    initialise_pic(0);
    return 0;
}

static int setup_x2(void **state)
{
    setup(state);
    for (unsigned n = 0; n < CPUS; n++) {
        uint32_t kick = 0;

        assert_true(irqchip_msr_write(&chip, n, MSR_APIC_BASE, LAPIC_PAGE | LAPIC_BASE_ENABLE | LAPIC_BASE_X2,
                                      now, &kick));
    }
    return 0;
}

static void isa_lines(void **state)
{
    (void)state;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        route(pin, 0, 0x40 + pin);
    for (unsigned gsi = 0; gsi < 30; gsi++) {
        const bool wired = gsi != 2 && gsi < IOAPIC_PINS;

        assert_int_equal(edge(gsi), wired ? 1 : 0);
        assert_int_equal(serve(0), !wired ? 0 : gsi == 0 ? 0x42 : 0x40 + gsi);
        if (wired && gsi < 16)
            assert_true(chip.pic.chip[gsi / 8].latch >> gsi % 8 & 1);
    }
}

static void virtual_wire(void **state)
{
    (void)state;
    assert_int_equal(edge(4), 1);
    const struct irqchip_offer offer = irqchip_offer(&chip, 0, false);
    assert_true(offer.interrupt && offer.extint);
    assert_int_equal(offer.vector, MASTER_BASE + 4);
    assert_false(irqchip_offer(&chip, 1, false).interrupt);
    assert_int_equal(edge(1), 1); // a higher request: the offer is to be replaced
    settle(0, false, false);
    assert_int_equal(take(0), MASTER_BASE + 1);
    assert_int_equal(take(0), 0);
    assert_int_equal(out(0x20, PIC_EOI), 1);
    assert_int_equal(take(0), MASTER_BASE + 4);
    edge(12);
    assert_int_equal(take(0), SLAVE_BASE + 4);
}

static void taken_before_the_change(void **state)
{
    (void)state;
    edge(4);
    irqchip_offer(&chip, 0, false);
    assert_int_equal(edge(1), 1);
    settle(0, false, true); // it was taken: 4 is what is in service
    assert_int_equal(chip.pic.chip[0].isr, 1 << 4);
    assert_int_equal(take(0), MASTER_BASE + 1);
    assert_int_equal(edge(1), 0);
    irqchip_offer(&chip, 0, false);
    out(0x20, PIC_EOI);
    settle(0, false, false);
    irqchip_offer(&chip, 0, false);
    assert_int_equal(edge(1), 1); // one more edge of what is offered
    settle(0, false, true);
    out(0x20, PIC_EOI);
    assert_int_equal(take(0), MASTER_BASE + 1);
}

static void withdrawn_when_masked(void **state)
{
    (void)state;
    edge(4);
    irqchip_offer(&chip, 0, false);
    assert_int_equal(out(0x21, 0xff), 1);
    settle(0, false, false);
    assert_int_equal(take(0), 0);
}

static void inta_is_one_processors(void **state)
{
    (void)state;
    apic(1, LINT0, EXTINT);
    assert_int_equal(edge(4), 3);
    assert_true(irqchip_offer(&chip, 1, false).interrupt);
    assert_false(irqchip_offer(&chip, 0, false).interrupt);
    settle(1, false, true);
    assert_int_equal(take(0), 0);
    out(0x20, PIC_EOI);
    edge(4);
    irqchip_offer(&chip, 1, false);
    ipi(0, 1, INIT); // gives it back
    settle(1, false, true);
    assert_int_equal(take(0), MASTER_BASE + 4);
}

static void extint_by_the_ioapic(void **state)
{
    (void)state;
    apic(0, LINT0, LVT_MASKED);
    route(0, 2, EXTINT);
    assert_int_equal(edge(4), 1 << 2);
    assert_int_equal(take(0), 0);
    assert_int_equal(take(2), MASTER_BASE + 4);
    assert_int_equal(take(2), 0);
    assert_int_equal(edge(3), 1 << 2);
    out(0x21, 0xff); // gone, but the message is there
    assert_int_equal(take(2), MASTER_BASE + 7);
    assert_int_equal(take(2), 0);
}

static void automatic_eoi_needs_no_exit(void **state)
{
    (void)state;
    initialise_pic(2);
    edge(4);
    edge(5);
    assert_true(irqchip_offer(&chip, 0, false).more);
    assert_int_equal(settle(0, false, true), 1);
    assert_false(irqchip_offer(&chip, 0, false).more);
    settle(0, false, true);
    assert_int_equal(take(0), 0);
    apic(0, LINT0, LVT_MASKED);
    route(0, 0, EXTINT); // each INTA makes a new edge
    edge(4);
    edge(5);
    assert_int_equal(take(0), MASTER_BASE + 4);
    assert_int_equal(take(0), MASTER_BASE + 5);
    assert_int_equal(take(0), 0);
}

static void lint0_as_a_vector(void **state)
{
    (void)state;
    apic(3, LINT0, LVT_LEVEL | 0x71);
    apic(2, LINT0, NMI);
    assert_int_equal(edge(4), 1 << 0 | 1 << 2 | 1 << 3);
    assert_true(irqchip_offer(&chip, 2, false).nmi);
    assert_int_equal(take(3), 0x71);
    assert_int_equal(take(0), MASTER_BASE + 4); // the output falls
    apic(3, EOI, 0);
    assert_int_equal(take(3), 0);
}

static void port_poll(void **state)
{
    uint32_t kick = 0;

    (void)state;
    edge(4);
    out(0x20, 0x0c);
    irqchip_offer(&chip, 0, false);
    assert_int_equal(irqchip_port_read(&chip, 0x20, &kick), 0x84);
    assert_int_equal(kick, 1); // what is offered is no longer asked for
}

static void level_comes_again(void **state)
{
    (void)state;
    route(20, 1, REDIR_LEVEL | 0x55);
    assert_int_equal(line(20, true), 2);
    assert_int_equal(take(1), 0x55);
    assert_int_equal(take(1), 0);
    assert_int_equal(apic(1, EOI, 0), 2);
    assert_int_equal(take(1), 0x55);
    line(20, false);
    assert_int_equal(apic(1, EOI, 0), 0);
    assert_int_equal(io_entry(20), REDIR_LEVEL | 0x55);
}

// Both entries get another destination while their interrupts are on the way; EOIs go by vector.
static void reroute_in_service(void **state)
{
    (void)state;
    route(13, 0, REDIR_LEVEL | 0x64);
    route(14, 0, REDIR_LEVEL | 0x84);
    line(13, true);
    assert_int_equal(take(0), 0x64);
    line(14, true);
    line(14, false);
    assert_int_equal(io_entry(14), REDIR_LEVEL | REDIR_REMOTE_IRR | 0x84);
    io_write(0x11 + 28, 1 << 24);
    line(13, false);
    io_write(0x11 + 26, 1 << 24);
    apic(0, EOI, 0);
    assert_int_equal(io_entry(13), REDIR_LEVEL | 0x64);
    assert_int_equal(serve(0), 0x84);
    assert_int_equal(io_entry(14), REDIR_LEVEL | 0x84);
}

static void eoi_in_x2apic_mode(void **state)
{
    uint32_t kick;

    (void)state;
    for (unsigned n = 0; n < CPUS; n++)
        x2(n, SVR, 0x1ff, &kick);
    route(20, 0xd, REDIR_LEVEL | REDIR_LOGICAL | 0x55); // cluster 0: members 0, 2 and 3
    assert_int_equal(line(20, true), 0xd);
    for (unsigned n = 0; n < CPUS; n++)
        assert_int_equal(take(n), n == 1 ? 0 : 0x55);
    line(20, false);
    assert_true(x2(2, EOI, 0, &kick));
    assert_int_equal(io_entry(20), REDIR_LEVEL | REDIR_LOGICAL | 0x55);
    assert_false(x2(2, EOI, 1, &kick));
}

static void skipped_eoi(void **state)
{
    uint32_t kick = 0;

    (void)state;
    msi(1 << 12, 0x61);
    irqchip_offer(&chip, 1, false);
    assert_true(lapic_eoi_skippable(&chip.cpu[1].lapic));
    settle(1, false, true);
    irqchip_skipped_eoi(&chip, 1, &kick);
    assert_int_equal(kick, 0);
    msi(1 << 12, 0x51);
    assert_int_equal(take(1), 0x51);
    route(20, 1, REDIR_LEVEL | 0x55); // applied to a level all the same, were it ever asked for
    apic(1, EOI, 0);
    line(20, true);
    take(1);
    irqchip_skipped_eoi(&chip, 1, &kick);
    assert_int_equal(kick, 2);
}

static void msi_forms(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CPUS; n++)
        apic(n, LDR, 1u << (24 + n));
    assert_int_equal(msi(2 << 12, 0x61), 1 << 2);
    assert_int_equal(take(2), 0x61);
    assert_int_equal(msi(0xff << 12, 0x62), ALL);
    assert_int_equal(msi(5 << 12 | 4, 0x63), 5);                       // logical
    assert_int_equal(__builtin_popcount(msi(5 << 12 | 0xc, 0x64)), 1); // with the redirection hint: one
    assert_int_equal(__builtin_popcount(msi(5 << 12 | 4, LOWEST | 0x65)), 1);
    assert_int_equal(msi(2 << 12 | 8, 0x66), 1 << 2); // hint, physical
    assert_int_equal(msi(2 << 12, NMI), 1 << 2);
    assert_int_equal(msi(9 << 12, 0x61), 0);
    assert_int_equal(msi(2 << 12, 0x300 | 0x67), 0);  // reserved mode
    assert_int_equal(msi(2 << 12, 0x8000 | 0x67), 0); // level, de-asserted
    assert_int_equal(msi(2 << 12, 0xc000 | 0x67), 1 << 2);
    assert_int_equal(msi(2 << 12 | 1ull << 32, 0x68), 0);
    assert_int_equal(msi(2 << 12 | 1 << 20, 0x68), 0); // not the window of MSIs
    assert_int_equal(msi(2 << 12, IRQ_SMI << 8), 0);   // nobody is there
}

static void shorthands(void **state)
{
    (void)state;
    assert_int_equal(ipi(1, 3, SELF | 0x61), 1 << 1);
    assert_int_equal(ipi(1, 3, EVERYBODY | 0x62), ALL);
    assert_int_equal(ipi(1, 3, OTHERS | 0x63), ALL & ~2);
    assert_int_equal(ipi(1, 3, 0x64), 1 << 3);
    assert_int_equal(ipi(1, 0xff, 0x65), ALL);
    assert_int_equal(ipi(1, 3, 0x64), 0); // merges
    assert_int_equal(serve(3), 0x65);
    assert_int_equal(serve(3), 0x64);
    apic(2, SVR, 0xff);
    assert_int_equal(ipi(1, 0xff, 0x71), ALL & ~4); // software-disabled: no vectors,
    assert_int_equal(ipi(1, 0xff, NMI), ALL);       // but NMIs
    assert_int_equal(ipi(1, 2, SELF | 0x0f), 0);
}

static void aliased_ids(void **state)
{
    (void)state;
    for (unsigned id = 0; id <= 0xff; id++) {
        for (unsigned n = 0; n < 2; n++)
            apic(n, 0x20, id << 24);
        assert_int_equal(ipi(2, id, 0x61) & 3, 3);
        serve(0);
        serve(1);
    }
}

static void logical_flat_and_cluster(void **state)
{
    (void)state;
    for (unsigned n = 0; n < CPUS; n++)
        apic(n, LDR, 1u << (24 + n));
    assert_int_equal(ipi(0, 0x06, LOGICAL | 0x61), 6);
    assert_int_equal(ipi(0, 0xf0, LOGICAL | 0x61), 0);
    assert_int_equal(ipi(0, 0xff, LOGICAL | 0x62), ALL);
    for (unsigned n = 0; n < CPUS; n++) { // clusters 0 and 1 with two members each
        apic(n, DFR, 0x0fffffff);
        apic(n, LDR, (n / 2 << 4 | 1u << n % 2) << 24);
    }
    assert_int_equal(ipi(0, 0x13, LOGICAL | 0x71), 0xc);
    assert_int_equal(ipi(0, 0x02, LOGICAL | 0x72), 0x2);
    assert_int_equal(ipi(0, 0x23, LOGICAL | 0x73), 0);
    assert_int_equal(ipi(0, 0x1c, LOGICAL | 0x73), 0);
}

static void x2apic_clusters(void **state)
{
    uint32_t kick;

    (void)state;
    irqchip_power_up(&chip, IRQCHIP_CPUS, LAPIC_X2APIC, 40);
    for (unsigned n = 0; n < IRQCHIP_CPUS; n++) {
        irqchip_msr_write(&chip, n, MSR_APIC_BASE, LAPIC_PAGE | LAPIC_BASE_ENABLE | LAPIC_BASE_X2, now,
                          &kick);
        x2(n, SVR, 0x1ff, &kick);
    }
    assert_true(x2(0, ICR, 0x0000a5a500000861, &kick));
    assert_int_equal(kick, 0xa5a5);
    assert_true(x2(0, ICR, 0x0001ffff00000862, &kick)); // no such cluster
    assert_int_equal(kick, 0);
    assert_true(x2(0, ICR, 0xffffffff00000863, &kick));
    assert_int_equal(kick, 0xffff);
    assert_true(x2(0, ICR, 0x0000000f00000064, &kick));
    assert_int_equal(kick, 0x8000);
    assert_true(x2(3, 0x3f0, 0x65, &kick));
    assert_int_equal(kick, 1 << 3);
}

static void lowest_priority_is_fair(void **state)
{
    (void)state;
    uint32_t seen = 0;

    for (unsigned n = 0; n < CPUS; n++)
        apic(n, LDR, 1u << (24 + n));
    apic(1, TPR, 0x20);
    for (unsigned i = 0; i < 3; i++) { // equals in turn, the busy one never
        const uint32_t kick = ipi(0, 0xf, LOGICAL | LOWEST | (0x51 + i));

        assert_int_equal(__builtin_popcount(kick), 1);
        assert_int_equal(seen & kick, 0);
        seen |= kick;
    }
    assert_int_equal(seen, ALL & ~2);
    assert_int_equal(ipi(0, 0xf, LOGICAL | LOWEST | 0x54), 2); // the others have something waiting
    apic(3, SVR, 0xff);
    assert_int_equal(ipi(0, 0x8, LOGICAL | LOWEST | 0x55), 0); // disabled
    assert_int_equal(ipi(0, 3, LOWEST | 0x55), 0);
}

static void startup_sequence(void **state)
{
    uint8_t page;

    (void)state;
    irqchip_power_up(&chip, CPUS, 0, 40);
    assert_int_equal(irqchip_startup(&chip, 0, &page), IRQCHIP_RUN);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_WAIT);
    assert_int_equal(ipi(0, 1, NMI), 0); // nobody there to take it
    assert_int_equal(ipi(0, 1, INIT | ICR_ASSERT), 2);
    assert_int_equal(ipi(0, 1, INIT | ICR_LEVEL), 0);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_RESET);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_WAIT);
    assert_int_equal(ipi(0, 1, SIPI | 0x9a), 2);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_START);
    assert_int_equal(page, 0x9a);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_RUN);
    assert_int_equal(ipi(0, 1, SIPI | 0x9b), 0); // the second one is ignored
    assert_int_equal(ipi(0, 0, OTHERS | INIT), 0xe);
    assert_int_equal(ipi(0, 1, SIPI | 0x77), 2); // before anyone looked
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_RESET);
    assert_int_equal(irqchip_startup(&chip, 1, &page), IRQCHIP_START);
    assert_int_equal(page, 0x77);
    assert_int_equal(irqchip_startup(&chip, 2, &page), IRQCHIP_RESET);
    assert_int_equal(irqchip_startup(&chip, 2, &page), IRQCHIP_WAIT);
    assert_false(irqchip_offer(&chip, 2, false).interrupt);
    assert_int_equal(ipi(1, 0, INIT), 1); // the boot processor starts over, without SIPI
    assert_int_equal(irqchip_startup(&chip, 0, &page), IRQCHIP_RESET);
    assert_int_equal(irqchip_startup(&chip, 0, &page), IRQCHIP_RUN);
}

static void init_forgets_what_waited(void **state)
{
    uint8_t page;

    (void)state;
    ipi(0, 1, NMI);
    ipi(0, 1, 0x61);
    irqchip_offer(&chip, 1, false);
    ipi(0, 1, INIT);
    settle(1, true, true); // of an offer that no longer counts
    ipi(0, 1, SIPI);
    while (irqchip_startup(&chip, 1, &page) != IRQCHIP_RUN) {
    }
    apic(1, SVR, 0x1ff);
    assert_false(irqchip_offer(&chip, 1, false).nmi);
    assert_false(irqchip_offer(&chip, 1, false).interrupt);
}

static void nmi_two_at_most(void **state)
{
    (void)state;
    assert_int_equal(ipi(1, 0, NMI), 1);
    assert_int_equal(ipi(2, 0, NMI), 1);
    assert_int_equal(ipi(3, 0, NMI), 0);
    assert_true(irqchip_offer(&chip, 0, false).more);
    settle(0, true, false);
    struct irqchip_offer offer = irqchip_offer(&chip, 0, true); // in the handler: latched
    assert_true(offer.nmi);
    assert_false(offer.more);
    settle(0, false, false);
    for (unsigned i = 0; i < 10; i++) { // merge with the latched one
        ipi(0, 0, NMI);
        irqchip_offer(&chip, 0, true);
        settle(0, false, false);
    }
    assert_true(irqchip_offer(&chip, 0, false).nmi);
    settle(0, true, false);
    assert_false(irqchip_offer(&chip, 0, false).nmi);
}

static void nmi_line(void **state)
{
    uint32_t kick = 0;

    (void)state;
    apic(0, LINT1, NMI);
    apic(2, LINT1, NMI);
    apic(3, LINT1, INIT);
    irqchip_set_nmi(&chip, true, &kick);
    assert_int_equal(kick, 0xd);
    kick = 0;
    irqchip_set_nmi(&chip, true, &kick);
    assert_int_equal(kick, 0);
    assert_true(irqchip_offer(&chip, 2, false).nmi);
    assert_true(chip.cpu[3].waiting);
}

static void threshold_tells_when_to_look(void **state)
{
    (void)state;
    apic(0, TPR, 0x60);
    ipi(1, 0, 0x51);
    const struct irqchip_offer offer = irqchip_offer(&chip, 0, false);
    assert_false(offer.interrupt);
    assert_int_equal(offer.tpr_threshold, 5);
    settle(0, false, false);
    lapic_set_cr8(&chip.cpu[0].lapic, 4);
    assert_int_equal(serve(0), 0x51);
}

static void pages(void **state)
{
    uint64_t value;
    uint32_t kick = 0;

    (void)state;
    assert_true(irqchip_mmio_read(&chip, 0, LAPIC_PAGE + 0x30, 4, &value, now));
    assert_int_equal(value, 0x00050014);
    assert_false(irqchip_mmio_read(&chip, 0, 0xfed00000, 4, &value, now));
    assert_false(irqchip_mmio_write(&chip, 0, 0xfed00000, 4, 0, now, &kick));
    assert_true(irqchip_msr_read(&chip, 2, MSR_APIC_BASE, &value, now));
    assert_true(irqchip_msr_write(&chip, 2, MSR_APIC_BASE, value | LAPIC_BASE_X2, now, &kick));
    assert_false(irqchip_mmio_read(&chip, 2, LAPIC_PAGE, 4, &value, now)); // by vCPU
    assert_true(irqchip_mmio_read(&chip, 1, LAPIC_PAGE, 4, &value, now));
    assert_false(irqchip_msr_read(&chip, 1, MSR_X2APIC + 2, &value, now));
    assert_false(irqchip_msr_write(&chip, 1, MSR_X2APIC + 8, 0, now, &kick));
}

#define TEST(test)     cmocka_unit_test_setup(test, setup)
#define TEST_PIC(test) cmocka_unit_test_setup(test, setup_pic)
#define TEST_X2(test)  cmocka_unit_test_setup(test, setup_x2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(isa_lines),
        TEST_PIC(virtual_wire),
        TEST_PIC(taken_before_the_change),
        TEST_PIC(withdrawn_when_masked),
        TEST_PIC(inta_is_one_processors),
        TEST_PIC(extint_by_the_ioapic),
        TEST_PIC(automatic_eoi_needs_no_exit),
        TEST_PIC(lint0_as_a_vector),
        TEST_PIC(port_poll),
        TEST(level_comes_again),
        TEST(reroute_in_service),
        TEST_X2(eoi_in_x2apic_mode),
        TEST(skipped_eoi),
        TEST(msi_forms),
        TEST(shorthands),
        TEST(aliased_ids),
        TEST(logical_flat_and_cluster),
        TEST(x2apic_clusters),
        TEST(lowest_priority_is_fair),
        TEST(startup_sequence),
        TEST(init_forgets_what_waited),
        TEST(nmi_two_at_most),
        TEST(nmi_line),
        TEST(threshold_tells_when_to_look),
        TEST(pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
