// 8259A pair: initialisation, priorities, every EOI and rotation, special modes, poll, late INTA
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/pic.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/irq/pic.h"

enum { M0 = PIC_MASTER, M1 = PIC_MASTER + 1, S0 = PIC_SLAVE, S1 = PIC_SLAVE + 1, ELCR0 = PIC_ELCR, ELCR1 };
enum { MASTER_BASE = 0x30, SLAVE_BASE = 0x38 };
enum { EOI = 0x20, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c, SMM_ON = 0x68, SMM_OFF = 0x48 };
enum { AEOI = 2, SFNM = 0x10 };

static struct pic p;

static void out(uint16_t port, uint8_t value)
{
    pic_write(&p, port, value);
}

static uint8_t in(uint16_t port)
{
    return pic_read(&p, port);
}

static void initialise(uint8_t icw4)
{
    out(M0, 0x11);
    out(M1, MASTER_BASE);
    out(M1, 4);
    out(M1, 1 | icw4);
    out(S0, 0x11);
    out(S1, SLAVE_BASE);
    out(S1, 2);
    out(S1, 1 | (icw4 & AEOI));
}

static int setup(void **state)
{
    (void)state;
    pic_power_up(&p);
    initialise(0);
    return 0;
}

static void edge(unsigned irq)
{
    pic_set_line(&p, irq, false);
    pic_set_line(&p, irq, true);
}

// The processor's INTA cycle: the vector.
static uint8_t inta(void)
{
    const uint8_t request = pic_peek(&p), vector = pic_vector(&p, request);

    pic_offer(&p, request);
    pic_take(&p, request);
    return vector;
}

static uint8_t isr(uint16_t port)
{
    out(port, READ_ISR);
    return in(port);
}

static uint8_t irr(uint16_t port)
{
    out(port, READ_IRR);
    return in(port);
}

static void quiet_before_icw1(void **state)
{
    (void)state;
    pic_power_up(&p);
    edge(0);
    assert_false(pic_output(&p));
    assert_int_equal(in(M1), 0xff);
}

static void edge_once(void **state)
{
    (void)state;
    edge(1);
    assert_true(pic_output(&p));
    assert_int_equal(irr(M0), 2);
    assert_int_equal(inta(), MASTER_BASE + 1);
    assert_int_equal(irr(M0), 0);
    assert_int_equal(isr(M0), 2);
    out(M0, EOI);
    assert_int_equal(isr(M0), 0);
    assert_false(pic_output(&p)); // the line is still high: no new edge
    pic_set_line(&p, 1, true);
    assert_false(pic_output(&p));
    edge(1);
    assert_true(pic_output(&p));
}

static void fully_nested(void **state)
{
    (void)state;
    edge(5);
    assert_int_equal(inta(), MASTER_BASE + 5);
    edge(6);
    assert_false(pic_output(&p)); // lower than what is served
    edge(1);
    assert_int_equal(inta(), MASTER_BASE + 1);
    assert_int_equal(isr(M0), 0x22);
    out(M0, EOI); // non-specific: the highest in service
    assert_int_equal(isr(M0), 0x20);
    out(M0, EOI);
    assert_int_equal(inta(), MASTER_BASE + 6);
}

static void mask_keeps_the_request(void **state)
{
    (void)state;
    out(M1, 0x08);
    edge(3);
    assert_false(pic_output(&p));
    assert_int_equal(irr(M0), 8);
    pic_set_line(&p, 3, false); // latched all the same
    out(M1, 0);
    assert_int_equal(inta(), MASTER_BASE + 3);
}

static void cascade(void **state)
{
    (void)state;
    edge(14);
    edge(8);
    assert_int_equal(irr(M0), 4);
    assert_int_equal(irr(S0), 0x41);
    assert_int_equal(pic_peek(&p), 8);
    assert_int_equal(inta(), SLAVE_BASE + 0);
    assert_int_equal(isr(M0), 4);
    assert_int_equal(isr(S0), 1);
    out(S0, EOI);
    assert_false(pic_output(&p)); // the master still serves its input 2
    out(M0, EOI);
    assert_int_equal(inta(), SLAVE_BASE + 6);
    edge(1);
    assert_int_equal(inta(), MASTER_BASE + 1); // inputs 0 and 1 pass the slave's
    pic_set_line(&p, 2, true);                 // nothing is wired there
    assert_int_equal(irr(M0), 0);
}

static void cascade_masked(void **state)
{
    (void)state;
    out(M1, 4);
    edge(12);
    assert_false(pic_output(&p));
    out(M1, 0);
    out(S1, 0x10);
    assert_false(pic_output(&p));
    assert_int_equal(irr(M0), 0);
}

static void level_triggered(void **state)
{
    (void)state;
    out(ELCR0, 0xff);
    out(ELCR1, 0xff);
    assert_int_equal(in(ELCR0), 0xf8);
    assert_int_equal(in(ELCR1), 0xde);
    pic_set_line(&p, 5, true);
    assert_int_equal(inta(), MASTER_BASE + 5);
    assert_int_equal(irr(M0), 0x20); // IRR shows the level
    assert_false(pic_output(&p));
    out(M0, EOI);
    assert_int_equal(inta(), MASTER_BASE + 5); // still high: again
    pic_set_line(&p, 5, false);
    out(M0, EOI);
    assert_false(pic_output(&p));
    pic_set_line(&p, 5, true);
    out(ELCR0, 0); // an edge that nobody saw as one is none
    assert_false(pic_output(&p));
    edge(5);
    out(ELCR0, 0x20);
    pic_set_line(&p, 5, false);
    out(ELCR0, 0); // nor is one that became a level
    assert_false(pic_output(&p));
}

static void spurious(void **state)
{
    (void)state;
    out(ELCR0, 0x20);
    pic_set_line(&p, 5, true);
    assert_true(pic_output(&p));
    pic_set_line(&p, 5, false); // gone before INTA
    assert_int_equal(inta(), MASTER_BASE + 7);
    assert_int_equal(isr(M0), 0); // so that software can tell
    edge(7);
    assert_int_equal(inta(), MASTER_BASE + 7);
    assert_int_equal(isr(M0), 0x80);
}

static void specific_eoi(void **state)
{
    (void)state;
    edge(5);
    inta();
    edge(1);
    inta();
    out(M0, 0x60 | 5);
    assert_int_equal(isr(M0), 2);
    out(M0, 0x40); // no operation
    assert_int_equal(isr(M0), 2);
    out(M0, 0x60 | 3); // not in service
    assert_int_equal(isr(M0), 2);
    out(M0, EOI);
    out(M0, EOI); // nothing left
    assert_int_equal(isr(M0), 0);
}

static void order_is(const char *expected)
{
    out(M0, 0x20); // nothing may be in service
    for (unsigned i = 0; i < 8; i++) {
        if (i != PIC_CASCADE)
            edge(i);
    }
    for (; *expected; expected++) {
        assert_int_equal(inta(), MASTER_BASE + (*expected - '0'));
        out(M0, 0x60 | (uint8_t)(*expected - '0'));
    }
    assert_false(pic_output(&p));
}

static void rotations(void **state)
{
    (void)state;
    order_is("0134567");
    out(M0, 0xc0 | 4); // set priority: 4 is the lowest
    order_is("5670134");
    out(M0, 0xc0 | 7);
    edge(3);
    inta();
    out(M0, 0xa0); // rotate on non-specific EOI: what was served becomes the lowest
    assert_int_equal(isr(M0), 0);
    order_is("4567013");
    edge(0);
    inta();
    out(M0, 0xe0 | 0); // rotate on specific EOI
    order_is("1345670");
    out(M0, 0xa0); // nothing in service: no rotation
    order_is("1345670");
}

static void automatic_eoi(void **state)
{
    (void)state;
    initialise(AEOI);
    edge(5);
    edge(13);
    assert_int_equal(inta(), SLAVE_BASE + 5);
    assert_int_equal(isr(M0), 0);
    assert_int_equal(isr(S0), 0);
    assert_int_equal(inta(), MASTER_BASE + 5);
    out(M0, 0x80); // rotate in automatic EOI mode
    edge(3);
    assert_int_equal(inta(), MASTER_BASE + 3);
    edge(3);
    edge(4);
    assert_int_equal(inta(), MASTER_BASE + 4); // 3 is now the lowest
    assert_int_equal(inta(), MASTER_BASE + 3);
    out(M0, 0x00); // no more
    edge(0);
    assert_int_equal(inta(), MASTER_BASE + 0);
    edge(0);
    edge(1);
    assert_int_equal(inta(), MASTER_BASE + 0);
    assert_int_equal(inta(), MASTER_BASE + 1);
    edge(0);
    edge(4);
    assert_int_equal(inta(), MASTER_BASE + 4); // 3 stayed the lowest
}

static void special_mask_mode(void **state)
{
    (void)state;
    edge(3);
    inta();
    edge(6);
    assert_false(pic_output(&p));
    out(M1, 0x08); // mask oneself
    assert_false(pic_output(&p));
    out(M0, SMM_ON);
    assert_int_equal(inta(), MASTER_BASE + 6); // lower ones come through
    out(M0, EOI);                              // non-specific: passes over the masked one
    assert_int_equal(isr(M0), 8);
    edge(6);
    out(M0, SMM_OFF);
    assert_false(pic_output(&p));
    out(M0, 0x28 | 0x08); // SMM without ESMM: no change
    assert_false(pic_output(&p));
}

static void special_fully_nested(void **state)
{
    (void)state;
    edge(12);
    inta();
    edge(9);
    assert_false(pic_output(&p)); // plain: the slave is locked out
    initialise(SFNM);
    edge(12);
    assert_int_equal(inta(), SLAVE_BASE + 4);
    edge(9);
    assert_int_equal(inta(), SLAVE_BASE + 1); // higher within the slave
    edge(13);
    assert_false(pic_output(&p)); // lower within the slave
    edge(5);
    assert_false(pic_output(&p)); // lower within the master
    assert_int_equal(isr(S0), 0x12);
}

static void poll_acknowledges(void **state)
{
    (void)state;
    out(M0, POLL);
    assert_int_equal(in(M0), 0);
    edge(4);
    assert_int_equal(in(M0), 0x10); // the poll is over: IRR
    out(M0, POLL);
    assert_int_equal(in(M0), 0x84);
    assert_int_equal(isr(M0), 0x10);
    assert_false(pic_output(&p));
    out(M0, EOI);
    edge(10);
    out(S0, POLL);
    assert_int_equal(in(S1), 0x82); // at either port
    assert_int_equal(isr(S0), 4);
    assert_false(pic_output(&p));
    assert_int_equal(in(S1), 0); // IMR again
}

static void reads(void **state)
{
    (void)state;
    out(M1, 0x5a);
    assert_int_equal(in(M1), 0x5a);
    edge(0);
    assert_int_equal(in(M0), 1); // IRR after initialisation
    inta();
    out(M0, READ_ISR);
    assert_int_equal(in(M0), 1);
    out(M0, 0x08); // OCW3 without RR: stays
    assert_int_equal(in(M0), 1);
    out(M0, READ_IRR);
    assert_int_equal(in(M0), 0);
}

static void icw1_forgets(void **state)
{
    (void)state;
    out(ELCR0, 0x08);
    edge(0);
    edge(1);
    inta();
    pic_set_line(&p, 3, true);
    out(M1, 0xff);
    out(M0, SMM_ON);
    out(M0, READ_ISR);
    out(M0, 0xc0 | 4);
    initialise(0);
    assert_int_equal(in(M1), 0);
    assert_int_equal(in(ELCR0), 8);
    assert_int_equal(in(M0), 8); // IRR is selected; levels show, edges are gone
    assert_int_equal(isr(M0), 0);
    assert_int_equal(inta(), MASTER_BASE + 3);
    out(M0, EOI);
    pic_set_line(&p, 3, false);
    out(ELCR0, 0);
    order_is("0134567");
}

static void icw1_in_the_middle(void **state)
{
    (void)state;
    out(M0, 0x11);
    out(M1, 0x70);
    edge(0);
    assert_false(pic_output(&p)); // not while it is being initialised
    out(M0, 0x11);                // starts over
    out(M1, 0x50);
    out(M1, 4);
    out(M1, 1);
    out(M1, 0xfe);
    assert_int_equal(in(M1), 0xfe);
    edge(0);
    assert_int_equal(inta(), 0x50);
}

static void short_initialisations(void **state)
{
    (void)state;
    initialise(AEOI);
    out(M0, 0x10); // no ICW4: its functions are off
    out(M1, 0x57);
    out(M1, 4);
    out(M1, 0x12); // OCW1
    assert_int_equal(in(M1), 0x12);
    edge(3);
    assert_int_equal(inta(), 0x53); // ICW2[2:0] mean nothing
    assert_int_equal(isr(M0), 8);
    out(M0, 0x12); // single and no ICW4: ICW2 alone
    out(M1, 0x60);
    out(M1, 0x34);
    assert_int_equal(in(M1), 0x34);
    out(M0, 0x13); // single with ICW4
    out(M1, 0x60);
    out(M1, 1);
    out(M1, 0x56);
    assert_int_equal(in(M1), 0x56);
}

static void late_inta(void **state)
{
    (void)state;
    edge(3);
    pic_offer(&p, 3);
    edge(1); // higher, but 3 was taken already
    pic_take(&p, 3);
    assert_int_equal(irr(M0), 2);
    out(M0, EOI);
    edge(3);
    pic_offer(&p, 3);
    pic_set_line(&p, 3, true); // no edge
    pic_take(&p, 3);
    assert_int_equal(irr(M0), 2);
    out(M0, EOI);
    edge(3);
    pic_offer(&p, 3);
    edge(3); // rose again after it was taken
    pic_take(&p, 3);
    assert_int_equal(isr(M0), 8);
    assert_int_equal(irr(M0), 0x0a);
    out(M0, EOI);
    assert_int_equal(inta(), MASTER_BASE + 1);
    out(M0, EOI);
    assert_int_equal(inta(), MASTER_BASE + 3);
    out(M0, EOI);
    edge(3);
    pic_offer(&p, 3);
    edge(3);
    pic_withdraw(&p); // not taken: the two edges are one interrupt
    assert_int_equal(inta(), MASTER_BASE + 3);
    out(M0, EOI);
    assert_false(pic_output(&p));
}

static void ports(void **state)
{
    (void)state;
    static const uint16_t mine[] = {M0, M1, S0, S1, ELCR0, ELCR1};
    unsigned owned = 0;

    for (unsigned port = 0; port < 0x10000; port++)
        owned += pic_owns((uint16_t)port);
    assert_int_equal(owned, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_true(pic_owns(mine[i]));
}

#define TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quiet_before_icw1),
        TEST(edge_once),
        TEST(fully_nested),
        TEST(mask_keeps_the_request),
        TEST(cascade),
        TEST(cascade_masked),
        TEST(level_triggered),
        TEST(spurious),
        TEST(specific_eoi),
        TEST(rotations),
        TEST(automatic_eoi),
        TEST(special_mask_mode),
        TEST(special_fully_nested),
        TEST(poll_acknowledges),
        TEST(reads),
        TEST(icw1_forgets),
        TEST(icw1_in_the_middle),
        TEST(short_initialisations),
        TEST(late_inta),
        TEST(ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
