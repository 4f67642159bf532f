// A local APIC in xAPIC or x2APIC mode, and short words for what tests do to it
// SPDX-License-Identifier: MIT
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/irq/lapic.h"

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    APR = 0x90,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    CMCI = 0x2f0,
    ICR = 0x300,
    ICR2 = 0x310,
    TIMER = 0x320,
    THERMAL = 0x330,
    PERF = 0x340,
    LINT0 = 0x350,
    LINT1 = 0x360,
    ERROR = 0x370,
    INITIAL = 0x380,
    COUNT = 0x390,
    DIVIDE = 0x3e0,
    SELF_IPI = 0x3f0,
};
enum { BY_1 = 0xb, BY_2 = 0, BY_16 = 3, BY_128 = 0xa };
enum { ENABLE_X2 = LAPIC_BASE_ENABLE | LAPIC_BASE_X2, ALL_FEATURES = LAPIC_X2APIC | LAPIC_TSC_DEADLINE };

static struct lapic l;
static struct vclock now;

static inline void power_up(uint32_t id, uint8_t features)
{
    lapic_power_up(&l, &(struct lapic_config){.id = id, .features = features, .phys_bits = 40});
}

static inline struct lapic_effect put(uint32_t offset, uint32_t value)
{
    return lapic_mmio_write(&l, offset, 4, value, now);
}

static inline uint32_t get(uint32_t offset)
{
    return (uint32_t)lapic_mmio_read(&l, offset, 4, now);
}

static inline bool wrmsr(uint32_t msr, uint64_t value)
{
    struct lapic_effect effect;

    return lapic_msr_write(&l, msr, value, now, &effect);
}

static inline bool rdmsr(uint32_t msr, uint64_t *value)
{
    return lapic_msr_read(&l, msr, value, now);
}

static inline uint64_t msr(uint32_t index)
{
    uint64_t value = ~0ull;

    assert_true(rdmsr(index, &value));
    return value;
}

#define X2(offset) (MSR_X2APIC + (offset) / 16)

static inline int setup(void **state)
{
    (void)state;
    now = (struct vclock){.ns = 1000000, .tsc = 5000000};
    power_up(3, ALL_FEATURES);
    put(SVR, 0x1ff);
    return 0;
}

static inline int setup_x2(void **state)
{
    setup(state);
    power_up(0x23, ALL_FEATURES);
    assert_true(wrmsr(MSR_APIC_BASE, LAPIC_PAGE | ENABLE_X2));
    assert_true(wrmsr(X2(SVR), 0x1ff));
    return 0;
}

// Offer and have it taken, as the processor does when nothing holds it back.
static inline uint8_t deliver(void)
{
    const uint8_t vector = lapic_highest(&l);

    if (vector != LAPIC_NONE) {
        lapic_offer(&l, vector);
        lapic_accept(&l, vector);
    }
    return vector;
}
