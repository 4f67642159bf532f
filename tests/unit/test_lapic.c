// Local APIC: priorities, late acceptance, EOI, errors, destinations, pins
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lapic_fixture.h"

static void init_keeps_id_and_mode(void **state)
{
    setup_x2(state);
    wrmsr(X2(TPR), 0x40);
    lapic_receive(&l, 0x55, false);
    lapic_init_signal(&l);
    assert_int_equal(msr(X2(ID)), 0x23);
    assert_int_equal(msr(X2(TPR)), 0);
    assert_int_equal(msr(X2(SVR)), 0xff);
    assert_int_equal(msr(X2(IRR + 0x20)), 0);

    setup(state);
    put(ID, 9u << 24);
    lapic_init_signal(&l);
    assert_int_equal(get(ID), 9u << 24);
}

static void highest_priority_first(void **state)
{
    (void)state;
    lapic_receive(&l, 0x31, false);
    lapic_receive(&l, 0xf1, false);
    lapic_receive(&l, 0x41, false);
    assert_int_equal(deliver(), 0xf1);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE); // 0x41 is below what is served
    put(EOI, 0);
    assert_int_equal(deliver(), 0x41);
    put(EOI, 0);
    assert_int_equal(deliver(), 0x31);
}

static void nesting_ends_in_order(void **state)
{
    (void)state;
    lapic_receive(&l, 0x51, false);
    deliver();
    lapic_receive(&l, 0x5f, false); // same class: waits
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    lapic_receive(&l, 0x60, false);
    assert_int_equal(deliver(), 0x60);
    assert_int_equal(get(PPR), 0x60);
    put(EOI, 0); // ends 0x60, not 0x51
    assert_int_equal(get(ISR + 0x20), 1u << 17);
    assert_int_equal(get(PPR), 0x50);
    put(TPR, 0x56);
    assert_int_equal(get(PPR), 0x56);
}

static void tpr_masks_its_class(void **state)
{
    (void)state;
    put(TPR, 0x45);
    lapic_receive(&l, 0x4f, false);
    assert_int_equal(lapic_highest(&l), LAPIC_NONE);
    assert_int_equal(get(PPR), 0x45);
    lapic_receive(&l, 0x50, false);
    assert_int_equal(lapic_highest(&l), 0x50);
    deliver();
    assert_int_equal(get(PPR), 0x50); // served class above the task's: sub-class 0
    put(EOI, 0);
    lapic_set_cr8(&l, 3);
    assert_int_equal(get(TPR), 0x30);
    assert_int_equal(lapic_highest(&l), 0x4f);
}

static void cr8_is_tpr(void **state)
{
    (void)state;
    put(TPR, 0xa7);
    assert_int_equal(lapic_cr8(&l), 0xa);
    lapic_set_cr8(&l, 0xa); // came back unchanged with an exit: the sub-class stays
    assert_int_equal(get(TPR), 0xa7);
    lapic_set_cr8(&l, 0xb);
    assert_int_equal(get(TPR), 0xb0);
}

static void arbitration_priority(void **state)
{
    (void)state;
    put(TPR, 0x63);
    assert_int_equal(get(APR), 0x63);
    lapic_receive(&l, 0x81, false);
    assert_int_equal(get(APR), 0x80);
    deliver();
    assert_int_equal(get(APR), 0x60 & 0x80);
    lapic_receive(&l, 0x31, false);
    assert_int_equal(get(APR), 0x30);
    put(TPR, 0x83);
    assert_int_equal(get(APR), 0x80);
    put(EOI, 0);
    put(TPR, 0x37);
    assert_int_equal(get(APR), 0x37);
}

static void lowest_legal_vector(void **state)
{
    (void)state;
    lapic_receive(&l, 15, false);
    assert_int_equal(deliver(), LAPIC_NONE);
    lapic_receive(&l, 16, false);
    assert_int_equal(deliver(), 16);
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_RECEIVE_VECTOR);
}

static void disabled_by_software(void **state)
{
    (void)state;
    lapic_receive(&l, 0x55, false);
    put(LINT0, IRQ_EXTINT << 8);
    put(SVR, 0xff);
    assert_int_equal(get(LINT0), LVT_MASKED | IRQ_EXTINT << 8);
    put(ERROR, 0x33);
    assert_int_equal(get(ERROR), LVT_MASKED | 0x33); // cannot be unmasked now
    assert_false(lapic_receive(&l, 0x66, false));
    assert_int_equal(lapic_highest(&l), 0x55); // what was accepted is still delivered
    put(SVR, 0x1ff);
    assert_int_equal(get(LINT0), LVT_MASKED | IRQ_EXTINT << 8); // enabling unmasks nothing
}

static void level_eoi_is_announced(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, true);
    lapic_receive(&l, 0x52, false);
    assert_int_equal(get(TMR + 0x30), 1u << 1);
    deliver();
    assert_int_equal(put(EOI, 7).eoi, 0x61);
    deliver();
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE);
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE); // nothing in service
    lapic_receive(&l, 0x61, false);                // TMR follows the last message
    assert_int_equal(get(TMR + 0x30), 0);
}

static void eoi_broadcast_suppression(void **state)
{
    (void)state;
    put(SVR, 0x11ff);
    assert_int_equal(get(SVR), 0x1ff); // not offered: the bit does not stick
    power_up(0, LAPIC_EOI_SUPPRESS);
    assert_int_equal(get(VERSION), 0x01050014);
    put(SVR, 0x11ff);
    assert_int_equal(get(SVR), 0x11ff);
    lapic_receive(&l, 0x61, true);
    deliver();
    assert_int_equal(put(EOI, 0).eoi, LAPIC_NONE);
}

static void edge_after_the_take_is_not_lost(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, false);
    lapic_offer(&l, 0x61);
    assert_true(lapic_receive(&l, 0x61, false)); // the processor may have taken it: look
    lapic_accept(&l, 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), 0x61);
    assert_true(lapic_receive(&l, 0x61, false)); // no longer offered
    assert_false(lapic_receive(&l, 0x61, false));
    put(EOI, 0);
    assert_int_equal(deliver(), 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
}

static void edge_before_the_take_merges(void **state)
{
    (void)state;
    lapic_receive(&l, 0x61, false);
    lapic_offer(&l, 0x61);
    lapic_receive(&l, 0x61, false);
    lapic_withdraw(&l); // it was not taken
    assert_int_equal(deliver(), 0x61);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
}

static void pv_eoi_only_for_a_lone_edge(void **state)
{
    (void)state;
    assert_false(lapic_eoi_skippable(&l, true));
    lapic_receive(&l, 0x61, false);
    assert_false(lapic_eoi_skippable(&l, true)); // waiting, not offered
    lapic_offer(&l, 0x61);
    assert_true(lapic_eoi_skippable(&l, true));
    assert_false(lapic_eoi_skippable(&l, false)); // an EOI before it goes in would count as its own
    lapic_receive(&l, 0x61, false);               // raised again: its EOI must be seen
    assert_false(lapic_eoi_skippable(&l, true));
    lapic_withdraw(&l);
    deliver();
    assert_true(lapic_eoi_skippable(&l, true));
    lapic_receive(&l, 0x31, false); // an EOI would release it
    assert_false(lapic_eoi_skippable(&l, true));
    assert_int_equal(lapic_eoi(&l).eoi, LAPIC_NONE);
    deliver();
    assert_true(lapic_eoi_skippable(&l, true));
    lapic_receive(&l, 0x71, false);
    lapic_offer(&l, 0x71); // would nest: the flag could be used for 0x31
    assert_false(lapic_eoi_skippable(&l, true));
    lapic_eoi(&l);
    lapic_accept(&l, 0x71);
    lapic_eoi(&l);
    lapic_receive(&l, 0x41, true);
    deliver();
    assert_false(lapic_eoi_skippable(&l, true)); // the IOAPIC waits for it
}

static void errors_latch_at_a_write(void **state)
{
    (void)state;
    put(ERROR, 0xe1);
    put(ICR, 0x0f); // fixed, vector 15
    assert_int_equal(get(ESR), 0);
    assert_int_equal(deliver(), 0xe1);
    put(EOI, 0);
    lapic_receive(&l, 3, false);
    assert_int_equal(deliver(), LAPIC_NONE); // not rearmed yet
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_SEND_VECTOR | ESR_RECEIVE_VECTOR);
    get(CMCI);
    assert_int_equal(deliver(), 0xe1);
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER);
    put(ESR, 0);
    assert_int_equal(get(ESR), 0);
}

static void error_vector_may_be_illegal_itself(void **state)
{
    (void)state;
    put(ERROR, 0x05);
    put(0x3f0, 1); // no such register in xAPIC mode
    put(ESR, 0);
    assert_int_equal(get(ESR), ESR_REGISTER | ESR_RECEIVE_VECTOR);
}

static void xapic_destinations(void **state)
{
    (void)state;
    assert_true(lapic_matches(&l, 3, false));
    assert_false(lapic_matches(&l, 4, false));
    assert_false(lapic_matches(&l, 0x103, false));
    assert_true(lapic_matches(&l, IRQ_BROADCAST, false));
    assert_false(lapic_matches(&l, 3, true)); // LDR 0
    assert_true(lapic_matches(&l, IRQ_BROADCAST, true));
    assert_false(lapic_matches(&l, 0xff, false));
    put(ID, 0xffu << 24);
    assert_true(lapic_matches(&l, 0xff, false)); // from an x2APIC, where it is an ID like others
    put(LDR, 0x21u << 24);                       // flat: any common bit
    assert_true(lapic_matches(&l, 0x20, true));
    assert_true(lapic_matches(&l, 0x1f, true));
    assert_false(lapic_matches(&l, 0xde, true));
    put(DFR, 0); // cluster 2, member 0
    assert_true(lapic_matches(&l, 0x23, true));
    assert_false(lapic_matches(&l, 0x22, true));
    assert_false(lapic_matches(&l, 0x31, true));
    put(DFR, 0x50000000); // neither model
    assert_false(lapic_matches(&l, 0x21, true));
}

static void x2apic_destinations(void **state)
{
    (void)state; // ID 0x23: cluster 2, member 3
    assert_true(lapic_matches(&l, 0x23, false));
    assert_false(lapic_matches(&l, 0xff, false));
    assert_true(lapic_matches(&l, 0x00020008, true));
    assert_true(lapic_matches(&l, 0x0002ffff, true));
    assert_false(lapic_matches(&l, 0x0002fff7, true));
    assert_false(lapic_matches(&l, 0x00030008, true));
    assert_true(lapic_matches(&l, IRQ_BROADCAST, true));
}

static void pin_modes(void **state)
{
    (void)state;
    put(LINT1, IRQ_NMI << 8 | LVT_LEVEL); // NMI is an edge whatever the trigger bit says
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_NMI);
    assert_int_equal(lapic_pin(&l, 1, true), 0);
    lapic_pin(&l, 1, false);
    put(LINT1, IRQ_INIT << 8);
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_INIT);
    lapic_pin(&l, 1, false);
    put(LINT1, IRQ_SMI << 8);
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_SMI);
    lapic_pin(&l, 1, false);
    put(LINT1, 3 << 8);
    assert_int_equal(lapic_pin(&l, 1, true), 0);
    put(LINT0, 0x51); // fixed, edge
    lapic_pin(&l, 0, true);
    assert_int_equal(deliver(), 0x51);
    lapic_pin(&l, 0, true);
    put(EOI, 0);
    assert_int_equal(deliver(), LAPIC_NONE);
    put(LINT0, 0x52); // high, but no edge
    assert_int_equal(deliver(), LAPIC_NONE);
    put(LINT0, IRQ_EXTINT << 8);
    assert_true(lapic_extint(&l));
    lapic_pin(&l, 0, false);
    assert_false(lapic_extint(&l));
}

static void level_pin_comes_again_after_eoi(void **state)
{
    (void)state;
    lapic_pin(&l, 0, true);
    put(LINT0, LVT_LEVEL | 0x51); // unmasked with the line high
    assert_int_equal(get(LINT0), LVT_LEVEL | LVT_REMOTE_IRR | 0x51);
    assert_int_equal(deliver(), 0x51);
    lapic_receive(&l, 0x61, true);
    deliver();
    assert_int_equal(put(EOI, 0).eoi, 0x61); // another's
    lapic_pin(&l, 0, false);
    assert_int_equal(lapic_pin(&l, 0, true), 0);
    assert_int_equal(get(IRR + 0x20), 0);
    assert_int_equal(put(EOI, 0).eoi, 0x51);
    assert_int_equal(get(TMR + 0x20), 1u << 17);
    assert_int_equal(deliver(), 0x51);
    lapic_pin(&l, 0, false);
    put(EOI, 0);
    assert_int_equal(get(LINT0), LVT_LEVEL | 0x51);
    assert_int_equal(deliver(), LAPIC_NONE);
    put(LINT0, LVT_LEVEL | LVT_REMOTE_IRR | 0x51); // read-only
    assert_int_equal(get(LINT0), LVT_LEVEL | 0x51);
}

static void firmware_leaves_a_virtual_wire(void **state)
{
    (void)state;
    power_up(0, 0);
    lapic_virtual_wire(&l);
    lapic_pin(&l, 0, true);
    assert_true(lapic_extint(&l));
    assert_int_equal(lapic_pin(&l, 1, true), LAPIC_NMI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_keeps_id_and_mode, setup),
        cmocka_unit_test_setup(highest_priority_first, setup),
        cmocka_unit_test_setup(nesting_ends_in_order, setup),
        cmocka_unit_test_setup(tpr_masks_its_class, setup),
        cmocka_unit_test_setup(cr8_is_tpr, setup),
        cmocka_unit_test_setup(arbitration_priority, setup),
        cmocka_unit_test_setup(lowest_legal_vector, setup),
        cmocka_unit_test_setup(disabled_by_software, setup),
        cmocka_unit_test_setup(level_eoi_is_announced, setup),
        cmocka_unit_test_setup(eoi_broadcast_suppression, setup),
        cmocka_unit_test_setup(edge_after_the_take_is_not_lost, setup),
        cmocka_unit_test_setup(edge_before_the_take_merges, setup),
        cmocka_unit_test_setup(pv_eoi_only_for_a_lone_edge, setup),
        cmocka_unit_test_setup(errors_latch_at_a_write, setup),
        cmocka_unit_test_setup(error_vector_may_be_illegal_itself, setup),
        cmocka_unit_test_setup(xapic_destinations, setup),
        cmocka_unit_test_setup(x2apic_destinations, setup_x2),
        cmocka_unit_test_setup(pin_modes, setup),
        cmocka_unit_test_setup(level_pin_comes_again_after_eoi, setup),
        cmocka_unit_test_setup(firmware_leaves_a_virtual_wire, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
