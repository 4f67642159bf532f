// Interrupt controllers: lines, the 8259s beside the IOAPIC, level handshake, late INTA
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/irqchip.c servers/vmm/irq/irqchip_cpu.c servers/vmm/irq/pic.c
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
// LINK: servers/vmm/irq/ioapic.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/irqchip_fixture.h"

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
    settle(0, false, true); // said twice means nothing
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
    assert_int_equal(ipi(0, 1, INIT), 3); // gives it back
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
    route(20, 1, REDIR_MASKED | REDIR_LEVEL | 0x55);
    assert_int_equal(line(20, true), 0);
    assert_int_equal(route(20, 1, REDIR_LEVEL | 0x55), 2); // unmasking lets it through
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
    assert_true(lapic_eoi_skippable(&chip.cpu[1].lapic, true));
    settle(1, false, true);
    assert_false(irqchip_skipped_eoi(&chip, 1, &kick));
    assert_int_equal(kick, 0);
    msi(1 << 12, 0x51);
    assert_int_equal(take(1), 0x51);
    route(20, 1, REDIR_LEVEL | 0x55); // applied to a level all the same, were it ever asked for
    apic(1, EOI, 0);
    line(20, true);
    take(1);
    assert_true(irqchip_skipped_eoi(&chip, 1, &kick));
    assert_int_equal(kick, 2);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(isa_lines, setup),
        cmocka_unit_test_setup(virtual_wire, setup_pic),
        cmocka_unit_test_setup(taken_before_the_change, setup_pic),
        cmocka_unit_test_setup(withdrawn_when_masked, setup_pic),
        cmocka_unit_test_setup(inta_is_one_processors, setup_pic),
        cmocka_unit_test_setup(extint_by_the_ioapic, setup_pic),
        cmocka_unit_test_setup(automatic_eoi_needs_no_exit, setup_pic),
        cmocka_unit_test_setup(lint0_as_a_vector, setup_pic),
        cmocka_unit_test_setup(port_poll, setup_pic),
        cmocka_unit_test_setup(level_comes_again, setup),
        cmocka_unit_test_setup(reroute_in_service, setup),
        cmocka_unit_test_setup(eoi_in_x2apic_mode, setup_x2),
        cmocka_unit_test_setup(skipped_eoi, setup),
        cmocka_unit_test_setup(pages, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
