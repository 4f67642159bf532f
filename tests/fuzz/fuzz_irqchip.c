// Random accesses, lines, messages and exits of four vCPUs keep the interrupt controllers consistent
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/irq/irqchip.c servers/vmm/irq/irqchip_cpu.c servers/vmm/irq/pic.c
// LINK: servers/vmm/irq/lapic.c servers/vmm/irq/lapic_reg.c servers/vmm/irq/lapic_timer.c
// LINK: servers/vmm/irq/ioapic.c
//
// Checked after every step: nothing waits anywhere without its vCPU being told to look; what is offered
// is still there; a level line that may interrupt has done so; the pins carry what the chips put out.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/vmm/irq/irqchip.h"

enum { CPUS = 4 };

static struct irqchip chip;
static struct vclock now;
static const uint8_t *at, *end;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static uint64_t number(unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | (at < end ? *at++ : 0);
    return value;
}

// Steps: each returns the vCPU on whose behalf it was, or CPUS.

static unsigned step_line(uint32_t *kick)
{
    const uint64_t which = number(1);

    irqchip_set_line(&chip, which & 31, which & 0x80, kick);
    return CPUS;
}

static unsigned step_nmi_line(uint32_t *kick)
{
    irqchip_set_nmi(&chip, number(1) & 1, kick);
    return CPUS;
}

static unsigned step_msi(uint32_t *kick)
{
    const uint64_t address = number(2);

    irqchip_msi(&chip, LAPIC_PAGE | (address & 0xf0f) << 12 | (address >> 4 & 0xc), (uint32_t)number(2),
                kick);
    return CPUS;
}

static unsigned step_mmio(uint32_t *kick)
{
    static const uint8_t sizes[] = {4, 4, 4, 4, 1, 2, 4, 8};
    const unsigned what = (unsigned)number(1), n = what % CPUS, size = sizes[what >> 2 & 7];
    const uint64_t page = what & 0x20 ? IOAPIC_PAGE : LAPIC_PAGE;
    const uint64_t gpa = page + number(1) * (what & 0x40 ? 1 : 16) % 0x1000;
    uint64_t value = 0;

    if (what & 0x80) {
        if (irqchip_mmio_read(&chip, n, gpa, size, &value, now))
            check(size == 8 || value >> size * 8 == 0);
    } else {
        irqchip_mmio_write(&chip, n, gpa, size, number(size), now, kick);
    }
    return n;
}

static unsigned step_redirection(uint32_t *kick)
{
    irqchip_mmio_write(&chip, 0, IOAPIC_PAGE, 4, 0x10 + number(1) % 48, now, kick);
    irqchip_mmio_write(&chip, 0, IOAPIC_PAGE + 0x10, 4, number(4), now, kick);
    return 0;
}

static unsigned step_msr(uint32_t *kick)
{
    const unsigned what = (unsigned)number(1), n = what % CPUS, index = (unsigned)number(1);
    const uint32_t msr = what & 0x10 ? MSR_APIC_BASE : what & 0x20 ? MSR_TSC_DEADLINE : MSR_X2APIC + index;
    uint64_t value;

    if (what & 0x80)
        irqchip_msr_read(&chip, n, msr, &value, now);
    else if (msr == MSR_APIC_BASE)
        irqchip_msr_write(&chip, n, msr, (number(1) & 0xf) << 8 | LAPIC_PAGE, now, kick);
    else if (msr == MSR_TSC_DEADLINE)
        irqchip_msr_write(&chip, n, msr, now.tsc + number(2), now, kick);
    else
        irqchip_msr_write(&chip, n, msr, number(what & 0x40 ? 8 : 4), now, kick);
    return n;
}

static unsigned step_port(uint32_t *kick)
{
    static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x20, 0xa0};
    const uint64_t what = number(1);

    if (what & 0x80)
        irqchip_port_read(&chip, ports[what & 7], kick);
    else
        irqchip_port_write(&chip, ports[what & 7], (uint8_t)number(1), kick);
    return CPUS;
}

// An exit: what became of the last offer, CR8, time, and the next offer.
static unsigned step_exit(uint32_t *kick)
{
    const unsigned what = (unsigned)number(1), n = what % CPUS;
    struct irqchip_cpu *c = &chip.cpu[n];
    uint8_t page;

    irqchip_settle(&chip, n, what & 4, what & 8, kick);
    check(c->lapic.offered == LAPIC_NONE && !c->offered_pic && !c->offered_nmi);
    if (what & 0x10)
        lapic_set_cr8(&c->lapic, what >> 4);
    lapic_advance(&c->lapic, now);
    while (irqchip_startup(&chip, n, &page) == IRQCHIP_RESET) {
    }

    const struct irqchip_offer offer = irqchip_offer(&chip, n, what & 0x40);

    check(!c->waiting || !(offer.interrupt || offer.nmi));
    check(!offer.interrupt || offer.extint || offer.vector >> 4 > lapic_ppr(&c->lapic) >> 4);
    return n;
}

static unsigned step_skipped_eoi(uint32_t *kick)
{
    const unsigned n = (unsigned)number(1) % CPUS;

    irqchip_settle(&chip, n, false, true, kick);
    if (lapic_eoi_skippable(&chip.cpu[n].lapic, true)) {
        const uint8_t before = lapic_highest(&chip.cpu[n].lapic);

        irqchip_skipped_eoi(&chip, n, kick);
        check(lapic_highest(&chip.cpu[n].lapic) == before); // it released nothing
    }
    return n;
}

static unsigned step_time(uint32_t *kick)
{
    const uint64_t passed = number(3);

    now.ns += passed;
    now.tsc += passed * 3;
    for (unsigned n = 0; n < CPUS; n++) {
        struct lapic *l = &chip.cpu[n].lapic;
        const struct lapic_deadline before = lapic_deadline(l);

        if (lapic_advance(l, now))
            *kick |= 1u << n;

        const struct lapic_deadline after = lapic_deadline(l);

        check(after.clock == LAPIC_CLOCK_NONE || (after.clock == before.clock && after.when >= before.when));
        check(after.when > (after.clock == LAPIC_CLOCK_TSC ? now.tsc : now.ns) ||
              after.clock == LAPIC_CLOCK_NONE);
    }
    return CPUS;
}

// What waits for vCPU n: vectors, NMIs, start-up events.
struct waiting {
    uint64_t irr[4];
    unsigned nmi, flags;
};

static struct waiting waiting(unsigned n)
{
    const struct irqchip_cpu *c = &chip.cpu[n];
    const unsigned flags[] = {c->init, c->start, c->extint, c->lapic.again};
    struct waiting w = {.nmi = c->nmi};

    for (unsigned i = 0; i < 4; i++)
        w.flags |= flags[i] << i;
    memcpy(w.irr, c->lapic.irr, sizeof w.irr);
    return w;
}

static bool grew(const struct waiting *before, const struct waiting *after)
{
    bool more = (after->flags & ~before->flags) || after->nmi > before->nmi;

    for (unsigned i = 0; i < 4; i++)
        more |= (after->irr[i] & ~before->irr[i]) != 0;
    return more;
}

static void check_lapic(const struct lapic *l)
{
    const uint32_t timer = l->lvt[LVT_TIMER];

    check(!((l->irr[0] | l->isr[0] | l->tmr[0]) & 0xffff));
    check(!l->offered || l->irr[l->offered / 64] >> l->offered % 64 & 1);
    check(!l->again || l->offered);
    for (unsigned i = 0; i < LVT_COUNT; i++)
        check((l->svr & SVR_ENABLE) || (l->lvt[i] & LVT_MASKED));
    check(!(l->lvt[LVT_LINT0] & LVT_REMOTE_IRR) || (l->lvt[LVT_LINT0] & LVT_LEVEL));
    check(!l->counting || (l->initial_count && !(timer & LVT_DEADLINE)));
    check(!l->deadline || (timer & LVT_DEADLINE));
    check(!lapic_globally_on(l) || lapic_highest(l) == LAPIC_NONE || lapic_highest(l) > lapic_ppr(l));
    check(lapic_globally_on(l) || !(l->irr[0] | l->irr[1] | l->irr[2] | l->irr[3]));
    check((l->base & LAPIC_BASE_ENABLE) || !(l->base & LAPIC_BASE_X2));
}

static void check_chip(void)
{
    struct ioapic io = chip.ioapic;
    struct irq_message message;
    unsigned holders = 0;

    check(!ioapic_next(&io, &message));
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        check(!(io.entry[pin] & REDIR_REMOTE_IRR) || (io.entry[pin] & REDIR_LEVEL));
    check(chip.request == pic_peek(&chip.pic));
    check((io.lines & 1) == pic_output(&chip.pic));
    for (unsigned n = 0; n < CPUS; n++) {
        check((chip.cpu[n].lapic.pins & 1) == pic_output(&chip.pic));
        check(chip.cpu[n].nmi <= 2);
        check(!(chip.cpu[n].waiting && (chip.cpu[n].nmi || chip.cpu[n].lapic.offered)));
        check_lapic(&chip.cpu[n].lapic);
        holders += chip.cpu[n].offered_pic;
    }
    check(holders == (chip.pic.offered != PIC_NONE));
}

static void step(void)
{
    static unsigned (*const steps[])(uint32_t *) = {
        step_line, step_nmi_line,    step_msi,  step_mmio, step_mmio, step_redirection, step_msr, step_port,
        step_exit, step_skipped_eoi, step_time, step_exit, step_port, step_line,        step_msr, step_exit,
    };
    struct waiting before[CPUS];
    uint32_t kick = 0;

    for (unsigned n = 0; n < CPUS; n++)
        before[n] = waiting(n);

    const unsigned actor = steps[number(1) % 16](&kick);

    check(kick < 1u << CPUS);
    for (unsigned n = 0; n < CPUS; n++) {
        const struct waiting after = waiting(n);

        check(n == actor || (kick >> n & 1) || !grew(&before[n], &after));
    }
    check_chip();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t kick = 0;

    at = data;
    end = data + size;
    now = (struct vclock){.ns = 1000, .tsc = 1000};
    irqchip_power_up(&chip, CPUS, (uint8_t)number(1) & 7, 40);
    for (unsigned n = 0; n < CPUS; n++) // most inputs would not get that far
        irqchip_mmio_write(&chip, n, LAPIC_PAGE + 0xf0, 4, 0x1ff, now, &kick);
    while (at < end)
        step();
    return 0;
}
