// A VM's interrupt controllers: which vCPU gets a message, and what it is offered
// SPDX-License-Identifier: MIT
//
// States of a vCPU here: running; INIT takes an application processor to waiting, and the boot
// processor back to its reset vector; a SIPI takes it from waiting to running ([SDM] 3A 8.4.3). A SIPI
// in any other state is ignored, and so is an NMI while waiting: there is no handler to run.
#include "servers/vmm/irq/irqchip_internal.h"

#define NMI_MAX 2

static bool available(const struct irqchip *chip, unsigned n, const struct irq_message *m, unsigned from)
{
    const struct lapic *l = &chip->cpu[n].lapic;

    if (!lapic_globally_on(l))
        return false;
    switch (m->shorthand) {
    case IRQ_SELF: return n == from;
    case IRQ_ALL: return true;
    case IRQ_OTHERS: return n != from;
    default: return lapic_matches(l, m->dest, m->logical);
    }
}

static uint32_t lowest_priority(struct irqchip *chip, uint32_t targets)
{
    unsigned best = IRQCHIP_CPUS, best_priority = UINT8_MAX + 1;

    for (unsigned i = 0; i < chip->cpus; i++) {
        const unsigned n = (chip->turn + i) % chip->cpus;
        const struct lapic *l = &chip->cpu[n].lapic;

        if (!(targets >> n & 1) || !lapic_enabled(l) || lapic_arbitration(l) >= best_priority)
            continue;
        best = n;
        best_priority = lapic_arbitration(l);
    }
    if (best == IRQCHIP_CPUS)
        return 0;
    chip->turn = (uint8_t)((best + 1) % chip->cpus);
    return 1u << best;
}

static bool signal_nmi(struct irqchip_cpu *c)
{
    if (c->waiting || c->nmi == NMI_MAX)
        return false;
    c->nmi++;
    return true;
}

// The 8259s serve one processor at a time: their INTA is one vCPU's to make.
static bool wants_inta(const struct irqchip *chip, const struct irqchip_cpu *c)
{
    return chip->pic.offered == PIC_NONE && (c->extint || lapic_extint(&c->lapic));
}

static void withdraw_pic(struct irqchip *chip, unsigned n, uint32_t *kick)
{
    chip->cpu[n].offered_pic = false;
    pic_withdraw(&chip->pic);
    for (unsigned other = 0; other < chip->cpus; other++) {
        if (other != n && wants_inta(chip, &chip->cpu[other]))
            *kick |= 1u << other;
    }
}

static void signal_init(struct irqchip *chip, unsigned n, uint32_t *kick)
{
    struct irqchip_cpu *c = &chip->cpu[n];

    if (c->offered_pic)
        withdraw_pic(chip, n, kick);
    lapic_init_signal(&c->lapic);
    *c = (struct irqchip_cpu){.lapic = c->lapic, .init = true, .waiting = !(c->lapic.base & LAPIC_BASE_BSP)};
}

static bool signal_start(struct irqchip_cpu *c, uint8_t page)
{
    if (!c->waiting)
        return false;
    c->waiting = false;
    c->start = true;
    c->page = page;
    return true;
}

static bool accept(struct irqchip *chip, unsigned n, const struct irq_message *m, uint32_t *kick)
{
    struct irqchip_cpu *c = &chip->cpu[n];

    switch (m->delivery) {
    case IRQ_FIXED:
    case IRQ_LOWEST: return lapic_receive(&c->lapic, m->vector, m->level);
    case IRQ_NMI: return signal_nmi(c);
    case IRQ_INIT: signal_init(chip, n, kick); return true;
    case IRQ_SIPI: return signal_start(c, m->vector);
    case IRQ_EXTINT: c->extint = true; return true;
    default: return false; // SMI: there is no SMM in a VM; 3 is reserved
    }
}

void irqchip_send(struct irqchip *chip, unsigned from, const struct irq_message *message, uint32_t *kick)
{
    uint32_t targets = 0;

    for (unsigned n = 0; n < chip->cpus; n++)
        targets |= (uint32_t)available(chip, n, message, from) << n;
    if (message->delivery == IRQ_LOWEST)
        targets = lowest_priority(chip, targets);
    for (unsigned n = 0; n < chip->cpus; n++) {
        if ((targets >> n & 1) && accept(chip, n, message, kick))
            *kick |= 1u << n;
    }
}

void irqchip_pin_events(struct irqchip *chip, unsigned n, unsigned events, uint32_t *kick)
{
    if (events & LAPIC_INIT)
        signal_init(chip, n, kick);
    if ((events & (LAPIC_VECTOR | LAPIC_INIT)) || ((events & LAPIC_NMI) && signal_nmi(&chip->cpu[n])))
        *kick |= 1u << n;
}

enum irqchip_startup irqchip_startup(struct irqchip *chip, unsigned n, uint8_t *page)
{
    struct irqchip_cpu *c = &chip->cpu[n];

    *page = c->page;
    if (c->init) {
        c->init = false;
        return IRQCHIP_RESET;
    }
    if (c->start) {
        c->start = false;
        return IRQCHIP_START;
    }
    return c->waiting ? IRQCHIP_WAIT : IRQCHIP_RUN;
}

static void offer_pic(struct irqchip *chip, struct irqchip_cpu *c, struct irqchip_offer *offer)
{
    const uint8_t request = pic_peek(&chip->pic);
    struct pic after = chip->pic;

    pic_take(&after, request);
    pic_offer(&chip->pic, request);
    c->offered_pic = true;
    offer->interrupt = offer->extint = true;
    offer->vector = pic_vector(&chip->pic, request);
    offer->more |= pic_output(&after) || lapic_highest(&c->lapic) != LAPIC_NONE;
}

struct irqchip_offer irqchip_offer(struct irqchip *chip, unsigned n, bool nmi_blocked)
{
    struct irqchip_cpu *c = &chip->cpu[n];
    struct irqchip_offer offer = {0};

    if (c->waiting)
        return (struct irqchip_offer){0};
    if (nmi_blocked && c->nmi > 1)
        c->nmi = 1; // behind a running handler one NMI is latched, further ones merge
    c->offered_nmi = c->nmi != 0;
    offer.nmi = c->offered_nmi;
    offer.more = c->nmi > 1;
    if (wants_inta(chip, c)) {
        offer_pic(chip, c, &offer);
        return offer;
    }
    offer.vector = lapic_highest(&c->lapic);
    offer.interrupt = offer.vector != LAPIC_NONE;
    lapic_offer(&c->lapic, offer.vector);
    return offer;
}

static void take_pic(struct irqchip *chip, struct irqchip_cpu *c, uint32_t *kick)
{
    c->offered_pic = false;
    c->extint = false;
    pic_take(&chip->pic, chip->pic.offered);
    irqchip_pic_acknowledged(chip, kick);
}

void irqchip_settle(struct irqchip *chip, unsigned n, bool took_nmi, bool took_interrupt, uint32_t *kick)
{
    struct irqchip_cpu *c = &chip->cpu[n];

    if (took_nmi && c->offered_nmi)
        c->nmi--;
    c->offered_nmi = false;
    if (c->offered_pic && took_interrupt)
        take_pic(chip, c, kick);
    else if (c->offered_pic)
        withdraw_pic(chip, n, kick);
    else if (took_interrupt && c->lapic.offered != LAPIC_NONE)
        lapic_accept(&c->lapic, c->lapic.offered);
    else
        lapic_withdraw(&c->lapic);
}
