// The 8254, which computes, against a model that ticks
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/pit.c servers/vmm/dev/pit_counter.c
#include "tests/unit/pit_fixture.h"

// A counter that does at each clock what the data sheet says, and knows nothing else.
struct ticking {
    unsigned mode;
    bool bcd, gate, out, counting, load, null, armed, known;
    uint32_t reload, ce, half; // half: the count that this half-cycle began with
    bool strobed;
};

static uint32_t tick_initial(const struct ticking *t)
{
    if (!t->bcd)
        return t->reload ? t->reload : 65536;
    uint32_t v = t->reload;
    return v ? (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15) : 10000;
}

static uint32_t tick_down(const struct ticking *t)
{
    return t->ce ? t->ce - 1 : (t->bcd ? 9999 : 0xffff);
}

static void tick_load(struct ticking *t)
{
    t->load = t->null = t->strobed = false;
    t->counting = t->known = true;
    t->ce = t->half = tick_initial(t);
    if (t->mode == 3)
        t->ce &= ~1U;
    if (t->mode == 1)
        t->out = false;
}

static void tick_square(struct ticking *t)
{
    uint32_t last = t->out && (t->half & 1) ? 0 : 2;
    if (t->ce != last) {
        t->ce -= 2;
        return;
    }
    t->out = !t->out;
    tick_load(t);
}

static void tick(struct ticking *t)
{
    bool needs_gate = t->mode != 1 && t->mode != 5;
    if (t->load) {
        tick_load(t);
        if (t->mode >= 4)
            t->out = true;
        return;
    }
    if (!t->counting || (needs_gate && !t->gate))
        return;
    if (t->mode == 3) {
        tick_square(t);
    } else if (t->mode == 2 && t->ce == 1) {
        t->out = true;
        tick_load(t);
    } else {
        t->ce = tick_down(t);
        if (t->mode == 2)
            t->out = t->ce != 1;
        else if (t->mode <= 1)
            t->out |= t->ce == 0;
        else
            t->out = t->ce != 0 || t->strobed;
        t->strobed |= t->ce == 0;
    }
}

static void tick_program(struct ticking *t, unsigned mode, bool is_bcd)
{
    bool gate = t->gate;
    *t = (struct ticking){
        .mode = mode, .bcd = is_bcd, .gate = gate, .out = mode != 0, .null = true, .ce = t->ce};
}

static void tick_count(struct ticking *t, uint16_t value)
{
    t->reload = value;
    t->null = t->armed = true;
    if (t->mode == 0)
        t->out = t->counting = false;
    if (t->mode == 0 || t->mode == 4 || ((t->mode == 2 || t->mode == 3) && !t->counting))
        t->load = true;
}

static void tick_gate(struct ticking *t, bool level)
{
    bool rises = level && !t->gate;
    t->gate = level;
    if (rises && t->armed && t->mode != 0 && t->mode != 4)
        t->load = true;
    if (!level && (t->mode == 2 || t->mode == 3))
        t->out = true;
    if (rises && t->load && (t->mode == 2 || t->mode == 3))
        t->out = true;
}

static struct ticking t;
static uint64_t ticked, rises, first_rise; // clocks and edges since the last comparison

static void run(unsigned clocks)
{
    while (clocks--) {
        bool before = t.out;
        tick(&t);
        ticked++;
        if (t.out && !before && rises++ == 0)
            first_rise = ticked;
    }
}

static void compare(void)
{
    uint16_t value = latched(2, ticked);
    uint32_t bcd = t.ce / 1000 % 10 << 12 | t.ce / 100 % 10 << 8 | t.ce / 10 % 10 << 4 | t.ce % 10;
    if (t.known) // nobody says what a counter holds before its first load
        assert_int_equal(value, t.bcd ? bcd : t.ce & 0xffff);
    uint8_t status = status_of(2, ticked);
    assert_int_equal(status >> 7, t.out);
    assert_int_equal(status >> 6 & 1, t.null);
}

static void random_access(void)
{
    unsigned mode = (unsigned)rand() % 6;
    bool is_bcd = rand() % 4 == 0, before = t.out;
    uint16_t count = (uint16_t)(rand() % 8 ? 2 + rand() % 8 : 2 + rand() % 0x7000);
    switch (rand() % 8) {
    case 0:
        tick_program(&t, mode, is_bcd);
        out8(0x43, (uint8_t)(0xb0 | mode << 1 | is_bcd), ticked);
        break;
    case 1:
    case 2:
        count = t.bcd ? (uint16_t)((count & 0x7777) | 2) : count;
        tick_count(&t, count);
        count16(0x42, count, ticked);
        break;
    case 3:
        if (t.mode == 4 && !t.out) // the strobe outlasts the gate by less than a clock: not modelled
            break;
        tick_gate(&t, !t.gate);
        out8(0x61, t.gate, ticked);
        break;
    default: break;
    }
    rises += t.out && !before;
}

// Random programs on counter 2, compared with the ticking model at random clocks: value, status, number of
// rising edges, and the announced time of the next one.
static void test_against_ticking_model(void **state)
{
    (void)state;
    struct pit_counter *c = &pit.counter[2];
    srand(8254);
    t = (struct ticking){0};
    ticked = 0;
    tick_program(&t, 0, false);
    out8(0x43, 0xb0, 0);
    for (unsigned step = 0; step < 300000; step++) {
        rises = 0;
        uint64_t announced = pit_counter_next_edge(c);
        run((unsigned)(rand() % 4 ? rand() % 4 : rand() % 40));
        if (rises)
            assert_int_equal(announced, first_rise);
        else
            assert_true(announced > ticked);
        random_access();
        compare();
        assert_int_equal(c->edges, rises);
        c->edges = 0;
    }
}

static int setup(void **state)
{
    (void)state;
    pit_reset(&pit, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_against_ticking_model, setup),
    };
    return cmocka_run_group_tests_name("pit_ticking", tests, NULL, NULL);
}
