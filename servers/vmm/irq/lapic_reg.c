// Local APIC registers: the xAPIC page, the x2APIC MSRs, IA32_APIC_BASE
// SPDX-License-Identifier: MIT
//
// One table serves both modes; index = page offset / 16 = MSR - 0x800 ([SDM] 3A tables 10-1 and
// 10-6). `bits` are those a write may set: xAPIC drops the others, x2APIC answers them with #GP.
#include "servers/vmm/irq/lapic_internal.h"

enum { XR = 1 << 0, XW = 1 << 1, X2R = 1 << 2, X2W = 1 << 3, RW = XR | XW | X2R | X2W, RO = XR | X2R };

enum {
    REG_SELF_IPI = 0x3f,
    REG_ICR = 0x30,
    REGS = 0x40,
};

struct access {
    struct lapic *l;
    unsigned index;
    uint32_t value; // of a write, without the bits that the register does not have
    struct vclock now;
    struct lapic_effect *effect;
};

struct reg {
    uint32_t bits;
    uint8_t access;
    uint8_t lvt; // enum lapic_lvt, for the rows of the local vector table
    uint32_t (*read)(const struct access *a);
    void (*write)(const struct access *a);
};

static const struct reg regs[REGS];

static uint32_t version(const struct lapic *l)
{
    return LAPIC_VERSION | (LVT_COUNT - 1) << 16 | (l->features & LAPIC_EOI_SUPPRESS ? 1u << 24 : 0);
}

static uint32_t word(const uint64_t set[4], unsigned index)
{
    return (uint32_t)(set[(index & 7) / 2] >> (index & 1) * 32);
}

#define READ(name, expression)                                                                               \
    static uint32_t read_##name(const struct access *a)                                                      \
    {                                                                                                        \
        const struct lapic *l = a->l;                                                                        \
                                                                                                             \
        return (expression);                                                                                 \
    }

READ(id, lapic_x2(l) ? l->x2id : l->id << 24)
READ(version, version(l))
READ(tpr, l->tpr)
READ(apr, lapic_arbitration(l))
READ(ppr, lapic_ppr(l))
READ(ldr, lapic_x2(l) ? lapic_logical_id(l) : l->ldr << 24)
READ(dfr, l->dfr << 28 | 0x0fffffff)
READ(svr, l->svr)
READ(isr, word(l->isr, a->index))
READ(tmr, word(l->tmr, a->index))
READ(irr, word(l->irr, a->index))
READ(esr, l->esr)
READ(icr, l->icr)
READ(icr_dest, l->icr_dest)
READ(lvt, l->lvt[regs[a->index].lvt])
READ(initial_count, l->initial_count)
READ(count, lapic_timer_count(l, a->now))
READ(divide, l->divide)

static uint32_t read_zero(const struct access *a)
{
    (void)a;
    return 0;
}

#define WRITE(name, statement)                                                                               \
    static void write_##name(const struct access *a)                                                         \
    {                                                                                                        \
        statement;                                                                                           \
    }

WRITE(id, a->l->id = a->value >> 24)
WRITE(tpr, a->l->tpr = a->value)
WRITE(eoi, *a->effect = lapic_eoi(a->l))
WRITE(ldr, a->l->ldr = a->value >> 24)
WRITE(dfr, a->l->dfr = a->value >> 28)
WRITE(icr_dest, a->l->icr_dest = a->value)
WRITE(initial_count, lapic_timer_start(a->l, a->value, a->now))
WRITE(divide, lapic_timer_divide(a->l, a->value, a->now))

static void write_esr(const struct access *a)
{
    a->l->esr = a->l->errors;
    a->l->errors = 0;
}

static void write_svr(const struct access *a)
{
    a->l->svr = a->value;
    for (unsigned i = 0; i < LVT_COUNT && !(a->value & SVR_ENABLE); i++)
        a->l->lvt[i] |= LVT_MASKED; // [SDM] 3A 10.4.7.2; enabling again does not unmask
}

static void write_lvt(const struct access *a)
{
    struct lapic *l = a->l;
    const enum lapic_lvt entry = regs[a->index].lvt;
    uint32_t value = a->value & ~(uint32_t)(LVT_PENDING | LVT_REMOTE_IRR);

    if (!(l->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    if (entry == LVT_TIMER) {
        lapic_timer_lvt(l, value);
        return;
    }
    // Remote IRR is read-only; it means something only while the pin is level-triggered.
    l->lvt[entry] = value | (value & LVT_LEVEL ? l->lvt[entry] & LVT_REMOTE_IRR : 0);
    if (entry == LVT_LINT0)
        lapic_pin_level(l);
}

static void send(struct lapic *l, struct irq_message message, struct lapic_effect *effect)
{
    if (irq_has_vector(message.delivery) && message.vector < IRQ_FIRST_VECTOR) {
        lapic_error(l, ESR_SEND_VECTOR);
        return;
    }
    effect->ipi = message;
    effect->sent = true;
}

static bool icr_valid(uint32_t icr)
{
    const uint32_t delivery = icr >> 8 & 7, shorthand = icr >> 18 & 3;

    if (delivery == IRQ_INIT || delivery == IRQ_SIPI) { // [SDM] 3A table 10-3: never to oneself
        const bool deassert = delivery == IRQ_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT);

        return !deassert && (shorthand == IRQ_DEST || shorthand == IRQ_OTHERS);
    }
    return delivery != 3 && delivery != IRQ_EXTINT; // both reserved in an ICR
}

static void write_icr(const struct access *a)
{
    struct lapic *l = a->l;
    const uint32_t value = a->value;

    l->icr = value;
    if (!icr_valid(value))
        return;
    send(l,
         (struct irq_message){
             .dest = lapic_x2(l) ? l->icr_dest : irq_dest8(l->icr_dest >> 24),
             .vector = (uint8_t)value,
             .delivery = value >> 8 & 7,
             .shorthand = value >> 18 & 3,
             .logical = value & ICR_LOGICAL,
         }, // the trigger bit means nothing here: IPIs are edges, [SDM] 3A 10.6.1
         a->effect);
}

static void write_self_ipi(const struct access *a)
{
    send(a->l, (struct irq_message){.vector = (uint8_t)a->value, .shorthand = IRQ_SELF}, a->effect);
}

#define LVT_ROW(entry, mask)                                                                                 \
    {                                                                                                        \
        (mask) | 0x110ff, RW, entry, read_lvt, write_lvt                                                     \
    }
#define MODE 0x700
#define PIN  (MODE | LVT_POLARITY | LVT_REMOTE_IRR | LVT_LEVEL)

static const struct reg regs[REGS] = {
    [0x02] = {0xff000000, RO | XW, 0, read_id, write_id},
    [0x03] = {0, RO, 0, read_version, NULL},
    [0x08] = {0xff, RW, 0, read_tpr, write_tpr},
    [0x09] = {0, XR, 0, read_apr, NULL},
    [0x0a] = {0, RO, 0, read_ppr, NULL},
    [0x0b] = {0, XR | XW | X2W, 0, read_zero, write_eoi},
    [0x0c] = {0, XR, 0, read_zero, NULL}, // remote read: gone since the Pentium 4
    [0x0d] = {0xff000000, RO | XW, 0, read_ldr, write_ldr},
    [0x0e] = {0xf0000000, XR | XW, 0, read_dfr, write_dfr},
    [0x0f] = {0xff | SVR_ENABLE | SVR_FOCUS, RW, 0, read_svr, write_svr},
    [0x10 ... 0x17] = {0, RO, 0, read_isr, NULL},
    [0x18 ... 0x1f] = {0, RO, 0, read_tmr, NULL},
    [0x20 ... 0x27] = {0, RO, 0, read_irr, NULL},
    [0x28] = {0, RW, 0, read_esr, write_esr},
    [REG_ICR] = {0xccfff & ~LVT_PENDING, RW, 0, read_icr, write_icr},
    [0x31] = {0xff000000, XR | XW, 0, read_icr_dest, write_icr_dest},
    [0x32] = LVT_ROW(LVT_TIMER, LVT_PERIODIC),
    [0x33] = LVT_ROW(LVT_THERMAL, MODE),
    [0x34] = LVT_ROW(LVT_PERF, MODE),
    [0x35] = LVT_ROW(LVT_LINT0, PIN),
    [0x36] = LVT_ROW(LVT_LINT1, PIN),
    [0x37] = LVT_ROW(LVT_ERROR, 0),
    [0x38] = {UINT32_MAX, RW, 0, read_initial_count, write_initial_count},
    [0x39] = {0, RO, 0, read_count, NULL},
    [0x3e] = {0xb, RW, 0, read_divide, write_divide},
    [REG_SELF_IPI] = {0xff, X2W, 0, NULL, write_self_ipi},
};

static uint32_t writable(const struct lapic *l, unsigned index)
{
    uint32_t bits = regs[index].bits;

    if (index == 0x0f && (l->features & LAPIC_EOI_SUPPRESS))
        bits |= SVR_EOI_SUPPRESS;
    if (index == 0x32 && (l->features & LAPIC_TSC_DEADLINE))
        bits |= LVT_DEADLINE;
    return bits;
}

static void write_register(struct lapic *l, unsigned index, uint64_t value, struct vclock now,
                           struct lapic_effect *effect)
{
    regs[index].write(&(struct access){l, index, (uint32_t)value & writable(l, index), now, effect});
}

bool lapic_owns(const struct lapic *l, uint64_t gpa)
{
    const uint64_t page = ~(uint64_t)0xfff;

    return lapic_globally_on(l) && !lapic_x2(l) && (gpa & page) == (l->base & page);
}

// Only aligned 32-bit accesses are defined ([SDM] 3A 10.4.1). Like silicon, narrower reads give
// their part of the register and the 12 bytes behind it read zero; other writes do nothing.
uint64_t lapic_mmio_read(struct lapic *l, uint32_t offset, unsigned size, struct vclock now)
{
    const unsigned index = (offset & 0xfff) / 16, byte = offset % 16;

    lapic_advance(l, now);
    if (index >= REGS || !(regs[index].access & XR)) {
        lapic_error(l, ESR_REGISTER);
        return 0;
    }
    if (byte >= 4)
        return 0;

    const uint64_t value =
        (uint64_t)regs[index].read(&(struct access){.l = l, .index = index, .now = now}) >> byte * 8;

    return size < 4 ? value & ((1u << size * 8) - 1) : value;
}

struct lapic_effect lapic_mmio_write(struct lapic *l, uint32_t offset, unsigned size, uint64_t value,
                                     struct vclock now)
{
    struct lapic_effect effect = {0};
    const unsigned index = (offset & 0xfff) / 16;

    lapic_advance(l, now);
    if (size != 4 || offset % 16)
        return effect;
    if (index >= REGS || !(regs[index].access & (XR | XW)))
        lapic_error(l, ESR_REGISTER);
    else if (regs[index].access & XW)
        write_register(l, index, value, now, &effect);
    return effect;
}

static bool base_write(struct lapic *l, uint64_t value)
{
    enum { OFF = 0, XAPIC = 2, X2 = 3 }; // bits 11:10; EXTD without EN is invalid
    static const uint8_t next[] = {[OFF] = 1 << OFF | 1 << XAPIC,
                                   [XAPIC] = 1 << OFF | 1 << XAPIC | 1 << X2,
                                   [X2] = 1 << OFF | 1 << X2}; // [SDM] 3A figure 10-27
    const uint64_t flags =
        LAPIC_BASE_BSP | LAPIC_BASE_ENABLE | (l->features & LAPIC_X2APIC ? LAPIC_BASE_X2 : 0);
    const uint64_t address = ((1ull << l->phys_bits) - 1) & ~0xfffull;

    if ((value & ~(flags | address)) || !(next[l->base >> 10 & 3] >> (value >> 10 & 3) & 1))
        return false;
    if (lapic_globally_on(l) && !(value & LAPIC_BASE_ENABLE)) {
        lapic_reset_registers(l);
        l->id = l->x2id & 0xff;
    }
    l->base = value;
    return true;
}

static bool x2_readable(const struct lapic *l, uint32_t msr)
{
    return lapic_x2(l) && msr >= MSR_X2APIC && msr - MSR_X2APIC < REGS;
}

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value, struct vclock now)
{
    const unsigned index = msr - MSR_X2APIC;

    lapic_advance(l, now);
    if (msr == MSR_APIC_BASE) {
        *value = l->base;
        return true;
    }
    if (msr == MSR_TSC_DEADLINE) {
        *value = l->deadline;
        return l->features & LAPIC_TSC_DEADLINE;
    }
    if (!x2_readable(l, msr) || !(regs[index].access & X2R))
        return false;
    *value = regs[index].read(&(struct access){.l = l, .index = index, .now = now});
    if (index == REG_ICR)
        *value |= (uint64_t)l->icr_dest << 32;
    return true;
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value, struct vclock now,
                     struct lapic_effect *effect)
{
    const unsigned index = msr - MSR_X2APIC;
    uint64_t bits;

    lapic_advance(l, now);
    *effect = (struct lapic_effect){0};
    if (msr == MSR_APIC_BASE)
        return base_write(l, value);
    if (msr == MSR_TSC_DEADLINE) {
        lapic_timer_deadline(l, value, now);
        return l->features & LAPIC_TSC_DEADLINE;
    }
    if (!x2_readable(l, msr) || !(regs[index].access & X2W))
        return false;
    bits = writable(l, index);
    if (index == REG_ICR) // one 64-bit register; its delivery status is gone, and ignored
        bits |= ~0ull << 32 | LVT_PENDING;
    if (value & ~bits)
        return false;
    if (index == REG_ICR)
        l->icr_dest = (uint32_t)(value >> 32);
    write_register(l, index, value, now, effect);
    return true;
}

uint64_t lapic_cr8(const struct lapic *l)
{
    return l->tpr >> 4; // [SDM] 3A 10.8.6
}

void lapic_set_cr8(struct lapic *l, uint64_t cr8)
{
    if (lapic_cr8(l) != cr8) // a write of CR8 clears TPR[3:0]; a value that came back unchanged is none
        l->tpr = (uint32_t)(cr8 & 0xf) << 4;
}
