// Intel 8259A pair: priorities, acknowledge, command words
// SPDX-License-Identifier: MIT
//
// Sections cite the 8259A data sheet (Intel 231468). The master's input 2 is the slave's output
// itself, never latched: that is what edge mode comes to, since the slave drops its output at INTA.
#include "servers/vmm/irq/pic.h"

enum pic_expect { PIC_READY, PIC_ICW2, PIC_ICW3, PIC_ICW4 };
enum { MASTER, SLAVE };
enum { ICW1_IC4 = 1 << 0, ICW1_SINGLE = 1 << 1, ICW1 = 1 << 4 };
enum { ICW4_AEOI = 1 << 1, ICW4_SFNM = 1 << 4 };
enum { OCW3 = 1 << 3, OCW3_RIS = 1 << 0, OCW3_RR = 1 << 1, OCW3_POLL = 1 << 2 };
enum { OCW3_SMM = 1 << 5, OCW3_ESMM = 1 << 6 };
#define NO_INPUT 8u

static const uint8_t elcr_bits[] = {0xf8, 0xde}; // timer, keyboard, cascade, RTC, FPU are edges

void pic_power_up(struct pic *p)
{
    // The chip has no reset pin. Masked until ICW1, a guest without firmware finds it quiet.
    *p = (struct pic){.chip = {{.imr = 0xff, .lowest = 7}, {.imr = 0xff, .lowest = 7}}, .offered = PIC_NONE};
}

static uint8_t bit(unsigned input)
{
    return (uint8_t)(1u << input);
}

static unsigned eligible(const struct pic *p, unsigned which);

static uint8_t requests(const struct pic *p, unsigned which)
{
    const struct pic_chip *c = &p->chip[which];
    const uint8_t irr = (uint8_t)((c->latch & ~c->elcr) | (c->line & c->elcr));

    if (which == MASTER && eligible(p, SLAVE) != NO_INPUT)
        return irr | bit(PIC_CASCADE);
    return irr;
}

// Bits of ISR that hold off lower priorities: in special mask mode the masked ones do not.
static uint8_t holding(const struct pic_chip *c)
{
    return c->special_mask ? (uint8_t)(c->isr & ~c->imr) : c->isr;
}

static unsigned first(const struct pic_chip *c, uint8_t set)
{
    for (unsigned i = 1; i <= 8; i++) {
        if (set & bit((c->lowest + i) & 7))
            return (c->lowest + i) & 7;
    }
    return NO_INPUT;
}

// The input that INTA would acknowledge, or NO_INPUT.
static unsigned eligible(const struct pic *p, unsigned which)
{
    const struct pic_chip *c = &p->chip[which];
    const uint8_t wanted = (uint8_t)(requests(p, which) & ~c->imr);
    const unsigned input = first(c, wanted | holding(c));

    if (input == NO_INPUT || !(wanted & bit(input)) || c->expect != PIC_READY)
        return NO_INPUT;
    if (!(holding(c) & bit(input)))
        return input;
    // Special fully nested mode: the slave's higher requests pass its own one in service.
    return which == MASTER && (c->icw4 & ICW4_SFNM) && input == PIC_CASCADE ? input : NO_INPUT;
}

static void acknowledge(struct pic_chip *c, unsigned input)
{
    c->latch &= (uint8_t)~bit(input);
    if (!(c->icw4 & ICW4_AEOI))
        c->isr |= bit(input);
    else if (c->rotate)
        c->lowest = (uint8_t)input;
}

bool pic_output(const struct pic *p)
{
    return eligible(p, MASTER) != NO_INPUT;
}

uint8_t pic_peek(const struct pic *p)
{
    const unsigned input = eligible(p, MASTER);

    if (input == NO_INPUT)
        return PIC_SPURIOUS;
    return (uint8_t)(input == PIC_CASCADE ? 8 + eligible(p, SLAVE) : input);
}

uint8_t pic_vector(const struct pic *p, uint8_t request)
{
    if (request == PIC_SPURIOUS)
        return p->chip[MASTER].vector | 7; // "default IR7", and nothing in service
    return p->chip[request / 8].vector | (request & 7);
}

void pic_offer(struct pic *p, uint8_t request)
{
    p->offered = request;
    p->again = false;
}

void pic_withdraw(struct pic *p)
{
    pic_offer(p, PIC_NONE);
}

void pic_take(struct pic *p, uint8_t request)
{
    if (request != PIC_SPURIOUS) {
        acknowledge(&p->chip[request / 8], request & 7);
        if (request / 8 == SLAVE)
            acknowledge(&p->chip[MASTER], PIC_CASCADE);
        if (p->again)
            p->chip[request / 8].latch |= bit(request & 7);
    }
    pic_withdraw(p);
}

void pic_set_line(struct pic *p, unsigned irq, bool level)
{
    struct pic_chip *c = &p->chip[irq / 8];
    const uint8_t mask = bit(irq & 7);
    const bool edge = level && !(c->line & mask) && !(c->elcr & mask);

    if (irq == PIC_CASCADE)
        return;
    c->line = (uint8_t)(level ? c->line | mask : c->line & ~mask);
    if (edge && (c->latch & mask) && p->offered == irq)
        p->again = true;
    if (edge)
        c->latch |= mask;
}

// ICW1 starts over wherever the chip was; LTIM gave way to ELCR. Edges must come anew.
static void initialise(struct pic_chip *c, uint8_t value)
{
    *c = (struct pic_chip){.line = c->line,
                           .elcr = c->elcr,
                           .vector = c->vector,
                           .icw1 = value,
                           .lowest = 7,
                           .expect = PIC_ICW2};
}

static void end_of_interrupt(struct pic_chip *c, unsigned input, bool rotate)
{
    if (input == NO_INPUT)
        return;
    c->isr &= (uint8_t)~bit(input);
    if (rotate)
        c->lowest = (uint8_t)input;
}

static void ocw2(struct pic_chip *c, uint8_t value)
{
    const unsigned level = value & 7;

    switch (value >> 5) {
    case 0: c->rotate = false; break;
    case 4: c->rotate = true; break;
    case 1: end_of_interrupt(c, first(c, holding(c)), false); break;
    case 5: end_of_interrupt(c, first(c, holding(c)), true); break;
    case 3: end_of_interrupt(c, level, false); break;
    case 7: end_of_interrupt(c, level, true); break;
    case 6: c->lowest = (uint8_t)level; break;
    default: break; // 2 is no operation
    }
}

static void ocw3(struct pic_chip *c, uint8_t value)
{
    if (value & OCW3_ESMM)
        c->special_mask = (value & OCW3_SMM) != 0;
    if (value & OCW3_POLL) // poll overrides a register read in the same word
        c->poll = true;
    else if (value & OCW3_RR)
        c->read_isr = value & OCW3_RIS;
}

static void command(struct pic_chip *c, uint8_t value)
{
    if (value & ICW1)
        initialise(c, value);
    else if (value & OCW3)
        ocw3(c, value);
    else
        ocw2(c, value);
}

static void data(struct pic_chip *c, uint8_t value)
{
    const uint8_t last = c->icw1 & ICW1_IC4 ? PIC_ICW4 : PIC_READY;

    switch (c->expect) {
    case PIC_READY: c->imr = value; break;
    case PIC_ICW2:
        c->vector = value & 0xf8;
        c->expect = c->icw1 & ICW1_SINGLE ? last : PIC_ICW3;
        break;
    case PIC_ICW3: c->expect = last; break; // the wiring of a PC is fixed
    default:
        c->icw4 = value;
        c->expect = PIC_READY;
        break;
    }
}

static uint8_t poll(struct pic *p, unsigned which)
{
    const unsigned input = eligible(p, which);

    p->chip[which].poll = false;
    if (input == NO_INPUT)
        return 0;
    acknowledge(&p->chip[which], input);
    return (uint8_t)(0x80 | input);
}

bool pic_owns(uint16_t port)
{
    const uint16_t even = port & 0xfffe;

    return even == PIC_MASTER || even == PIC_SLAVE || even == PIC_ELCR;
}

uint8_t pic_read(struct pic *p, uint16_t port)
{
    const unsigned which = port >= PIC_SLAVE ? SLAVE : MASTER;
    const struct pic_chip *c = &p->chip[which];

    if ((port & 0xfffe) == PIC_ELCR)
        return p->chip[port & 1].elcr;
    if (c->poll)
        return poll(p, which);
    if (port & 1)
        return c->imr;
    return c->read_isr ? c->isr : requests(p, which);
}

void pic_write(struct pic *p, uint16_t port, uint8_t value)
{
    struct pic_chip *c = &p->chip[port >= PIC_SLAVE ? SLAVE : MASTER];

    if ((port & 0xfffe) == PIC_ELCR) {
        p->chip[port & 1].elcr = value & elcr_bits[port & 1];
        p->chip[port & 1].latch &= (uint8_t)~p->chip[port & 1].elcr;
    } else if (port & 1) {
        data(c, value);
    } else {
        command(c, value);
    }
}
