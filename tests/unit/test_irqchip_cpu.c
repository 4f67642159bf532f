// Interrupt controllers: MSIs and IPIs to several vCPUs, start-up, NMIs
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
    for (unsigned i = 0; i < 6; i++) { // equals in turn, the busy one never
        static const uint8_t turn[] = {0, 2, 3, 0, 2, 3};

        assert_int_equal(ipi(0, 0xf, LOGICAL | LOWEST | 0x51), 1 << turn[i]);
        serve(turn[i]);
    }
    for (unsigned i = 0; i < 3; i++) { // who has something waiting is no equal
        const uint32_t kick = ipi(0, 0xf, LOGICAL | LOWEST | (0x51 + i));

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
    assert_int_equal(chip.cpu[1].lapic.svr, 0xff);
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
    settle(0, true, true); // nothing is offered
    assert_int_equal(lapic_ppr(&chip.cpu[0].lapic), 0);
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

static void task_priority_holds_back(void **state)
{
    (void)state;
    apic(0, TPR, 0x60);
    ipi(1, 0, 0x51);
    assert_false(irqchip_offer(&chip, 0, false).interrupt);
    settle(0, false, false);
    lapic_set_cr8(&chip.cpu[0].lapic, 4);
    assert_int_equal(serve(0), 0x51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(msi_forms, setup),
        cmocka_unit_test_setup(shorthands, setup),
        cmocka_unit_test_setup(aliased_ids, setup),
        cmocka_unit_test_setup(logical_flat_and_cluster, setup),
        cmocka_unit_test_setup(x2apic_clusters, setup),
        cmocka_unit_test_setup(lowest_priority_is_fair, setup),
        cmocka_unit_test_setup(startup_sequence, setup),
        cmocka_unit_test_setup(init_forgets_what_waited, setup),
        cmocka_unit_test_setup(nmi_two_at_most, setup),
        cmocka_unit_test_setup(nmi_line, setup),
        cmocka_unit_test_setup(task_priority_holds_back, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
