// What the parts of the local APIC model share
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/vmm/irq/lapic.h"

static inline bool vectors_have(const uint64_t set[4], uint8_t vector)
{
    return set[vector / 64] >> (vector % 64) & 1;
}

static inline void vectors_add(uint64_t set[4], uint8_t vector)
{
    set[vector / 64] |= 1ull << (vector % 64);
}

static inline void vectors_drop(uint64_t set[4], uint8_t vector)
{
    set[vector / 64] &= ~(1ull << (vector % 64));
}

static inline bool lapic_x2(const struct lapic *l)
{
    return l->base & LAPIC_BASE_X2;
}

void lapic_reset_registers(struct lapic *l);
void lapic_error(struct lapic *l, uint32_t bit);
unsigned lapic_local(struct lapic *l, enum lapic_lvt entry);
unsigned lapic_pin_level(struct lapic *l);
uint32_t lapic_logical_id(const struct lapic *l);

void lapic_timer_lvt(struct lapic *l, uint32_t value);
void lapic_timer_start(struct lapic *l, uint32_t count, struct vclock now);
void lapic_timer_divide(struct lapic *l, uint32_t value, struct vclock now);
void lapic_timer_deadline(struct lapic *l, uint64_t tsc, struct vclock now);
uint32_t lapic_timer_count(const struct lapic *l, struct vclock now);
