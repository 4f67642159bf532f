// Local APIC: reset, priorities, acceptance, delivery, EOI, local pins
// SPDX-License-Identifier: MIT
//
// The life of a vector: lapic_receive() sets IRR; lapic_highest() chooses; lapic_offer() records
// that the kernel holds it; lapic_accept() moves it to ISR; lapic_eoi() ends it. TMR is written at
// reception ([SDM] 3A 10.8.4), so the trigger mode that counts at EOI is that of the last message.
#include "servers/vmm/irq/lapic_internal.h"

#define CLASS(vector) ((vector)&0xf0u)

static uint8_t highest(const uint64_t set[4])
{
    for (unsigned i = 4; i-- > 0;) {
        if (set[i])
            return (uint8_t)(i * 64 + 63 - (unsigned)__builtin_clzll(set[i]));
    }
    return LAPIC_NONE;
}

void lapic_reset_registers(struct lapic *l)
{
    const struct lapic kept = *l;

    // [SDM] 3A 10.4.7.1. The pins are wires: no reset changes their level.
    *l = (struct lapic){
        .base = kept.base,
        .x2id = kept.x2id,
        .id = kept.id,
        .dfr = 0xf,
        .svr = 0xff,
        .pins = kept.pins,
        .features = kept.features,
        .phys_bits = kept.phys_bits,
    };
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
}

void lapic_power_up(struct lapic *l, const struct lapic_config *config)
{
    *l = (struct lapic){
        .base = LAPIC_PAGE | LAPIC_BASE_ENABLE | (config->bsp ? LAPIC_BASE_BSP : 0),
        .x2id = config->id,
        .id = config->id & 0xff,
        .features = config->features,
        .phys_bits = config->phys_bits,
    };
    lapic_reset_registers(l);
}

void lapic_init_signal(struct lapic *l)
{
    lapic_reset_registers(l); // [SDM] 3A 10.4.7.3: the APIC ID stays; 10.12.5.1: so does the mode
}

void lapic_virtual_wire(struct lapic *l)
{
    l->svr = SVR_ENABLE | 0x0f; // MultiProcessor Specification 1.4, 3.6.2.2
    l->lvt[LVT_LINT0] = IRQ_EXTINT << 8 | LVT_LEVEL;
    l->lvt[LVT_LINT1] = IRQ_NMI << 8;
}

bool lapic_globally_on(const struct lapic *l)
{
    return l->base & LAPIC_BASE_ENABLE;
}

bool lapic_enabled(const struct lapic *l)
{
    return lapic_globally_on(l) && (l->svr & SVR_ENABLE);
}

uint32_t lapic_logical_id(const struct lapic *l)
{
    // [SDM] 3A 10.12.10.2: cluster in the upper half, one bit a member in the lower.
    return l->x2id >> 4 << 16 | 1u << (l->x2id & 0xf);
}

bool lapic_matches(const struct lapic *l, uint32_t dest, bool logical)
{
    if (!lapic_globally_on(l))
        return false;
    if (dest == IRQ_BROADCAST)
        return true;
    if (lapic_x2(l)) {
        const uint32_t self = lapic_logical_id(l);

        return logical ? dest >> 16 == self >> 16 && (dest & self & 0xffff) : dest == l->x2id;
    }
    if (dest > 0xff)
        return false;
    if (!logical)
        return dest == l->id;
    if (l->dfr == 0xf) // flat model, [SDM] 3A 10.6.2.2
        return dest & l->ldr;
    return l->dfr == 0 && dest >> 4 == l->ldr >> 4 && (dest & l->ldr & 0xf);
}

uint8_t lapic_ppr(const struct lapic *l)
{
    const uint8_t serving = CLASS(highest(l->isr)); // [SDM] 3A 10.8.3.1

    return CLASS(l->tpr) >= serving ? (uint8_t)l->tpr : serving;
}

uint8_t lapic_arbitration(const struct lapic *l)
{
    const uint32_t serving = CLASS(highest(l->isr));
    const uint32_t waiting = CLASS(highest(l->irr));
    const uint32_t task = CLASS(l->tpr);

    if (task >= waiting && task > serving) // [SDM] 3A 10.6.2.4, the formula of the APR
        return (uint8_t)l->tpr;
    return (uint8_t)((task & serving) > waiting ? (task & serving) : waiting);
}

uint8_t lapic_highest(const struct lapic *l)
{
    const uint8_t vector = highest(l->irr);

    return vector != LAPIC_NONE && CLASS(vector) > CLASS(lapic_ppr(l)) ? vector : LAPIC_NONE;
}

bool lapic_receive(struct lapic *l, uint8_t vector, bool level)
{
    if (!lapic_enabled(l))
        return false;
    if (vector < IRQ_FIRST_VECTOR) {
        lapic_error(l, ESR_RECEIVE_VECTOR);
        return true;
    }
    (level ? vectors_add : vectors_drop)(l->tmr, vector);
    if (!vectors_have(l->irr, vector)) {
        vectors_add(l->irr, vector);
        return true;
    }
    if (l->offered != vector || l->again)
        return false;
    l->again = true;
    return true;
}

void lapic_offer(struct lapic *l, uint8_t vector)
{
    l->offered = vector;
    l->again = false;
}

void lapic_withdraw(struct lapic *l)
{
    lapic_offer(l, LAPIC_NONE);
}

void lapic_accept(struct lapic *l, uint8_t vector)
{
    if (!l->again)
        vectors_drop(l->irr, vector);
    vectors_add(l->isr, vector);
    lapic_withdraw(l);
}

struct lapic_effect lapic_eoi(struct lapic *l)
{
    const uint8_t vector = highest(l->isr);
    uint32_t *lint0 = &l->lvt[LVT_LINT0];

    if (vector == LAPIC_NONE)
        return (struct lapic_effect){0};
    vectors_drop(l->isr, vector);
    if (!vectors_have(l->tmr, vector))
        return (struct lapic_effect){0};
    if ((*lint0 & LVT_REMOTE_IRR) && (*lint0 & 0xff) == vector) {
        *lint0 &= ~(uint32_t)LVT_REMOTE_IRR;
        lapic_pin_level(l);
    }
    return (struct lapic_effect){.eoi = l->svr & SVR_EOI_SUPPRESS ? LAPIC_NONE : vector};
}

// One vector only: with two in service the guest's flag could be used up by the other one. Nothing
// waiting: an EOI that is never seen could not release it. Nor what is offered and may wait for its turn: an
// EOI before that would count as its own.
bool lapic_eoi_skippable(const struct lapic *l, bool at_once)
{
    const uint8_t offered = l->offered, vector = offered != LAPIC_NONE ? offered : highest(l->isr);
    uint64_t others = 0;

    if (vector == LAPIC_NONE || vectors_have(l->tmr, vector))
        return false;
    if (offered != LAPIC_NONE && (!at_once || l->again))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t own = i == vector / 64u ? 1ull << vector % 64 : 0;

        others |= (l->isr[i] & ~own) | (l->irr[i] & ~(offered != LAPIC_NONE ? own : 0));
    }
    return !others;
}

// The first error after a write to ESR interrupts; the write rearms ([SDM] 3A 10.5.3).
void lapic_error(struct lapic *l, uint32_t bit)
{
    const bool armed = !l->errors;

    l->errors |= bit;
    if (armed)
        lapic_local(l, LVT_ERROR);
}

// A local source fires. Timer and error entries have no delivery mode: those bits read 0, fixed.
unsigned lapic_local(struct lapic *l, enum lapic_lvt entry)
{
    const uint32_t lvt = l->lvt[entry];

    if (lvt & LVT_MASKED)
        return 0;
    switch (lvt >> 8 & 7) {
    case IRQ_FIXED: return lapic_receive(l, (uint8_t)lvt, false) ? LAPIC_VECTOR : 0;
    case IRQ_NMI: return LAPIC_NMI;
    case IRQ_SMI: return LAPIC_SMI;
    case IRQ_INIT: return LAPIC_INIT;
    default: return 0; // ExtINT is a level that lapic_extint() reads, the others are reserved
    }
}

static bool level_fixed(uint32_t lvt)
{
    return (lvt & LVT_LEVEL) && (lvt >> 8 & 7) == IRQ_FIXED; // other modes ignore the trigger bit
}

// LINT0 alone may be level-triggered ([SDM] 3A 10.5.1).
unsigned lapic_pin_level(struct lapic *l)
{
    uint32_t *lvt = &l->lvt[LVT_LINT0];

    if (!(l->pins & 1) || !level_fixed(*lvt) || (*lvt & (LVT_MASKED | LVT_REMOTE_IRR)))
        return 0;
    *lvt |= LVT_REMOTE_IRR;
    return lapic_receive(l, (uint8_t)*lvt, true) ? LAPIC_VECTOR : 0;
}

unsigned lapic_pin(struct lapic *l, unsigned pin, bool level)
{
    const uint8_t bit = (uint8_t)(1u << pin);
    const bool rising = level && !(l->pins & bit);

    l->pins = (uint8_t)(level ? l->pins | bit : l->pins & ~bit);
    if (!lapic_globally_on(l)) // the pins are the processor's own INTR and NMI, [SDM] 3A 10.4.3
        return rising && pin == 1 ? LAPIC_NMI : 0;
    if (pin == 0 && level_fixed(l->lvt[LVT_LINT0]))
        return lapic_pin_level(l);
    return rising ? lapic_local(l, pin ? LVT_LINT1 : LVT_LINT0) : 0;
}

bool lapic_extint(const struct lapic *l)
{
    const uint32_t lvt = l->lvt[LVT_LINT0];

    if (!(l->pins & 1))
        return false;
    return !lapic_globally_on(l) || (!(lvt & LVT_MASKED) && (lvt >> 8 & 7) == IRQ_EXTINT);
}
