// A VM's interrupt controllers: lines, MSIs and register accesses between the chips
// SPDX-License-Identifier: MIT
#include "servers/vmm/irq/irqchip.h"
#include "servers/vmm/irq/irqchip_internal.h"

#define PIT_PIN 2u // ISA line 0 is on IOAPIC pin 2, which line 2, the cascade, leaves free

void irqchip_power_up(struct irqchip *chip, uint32_t cpus, uint8_t features, uint8_t phys_bits)
{
    *chip = (struct irqchip){.cpus = cpus, .request = PIC_SPURIOUS};
    pic_power_up(&chip->pic);
    ioapic_power_up(&chip->ioapic);
    for (uint32_t n = 0; n < cpus; n++) {
        lapic_power_up(&chip->cpu[n].lapic, &(struct lapic_config){n, n == 0, features, phys_bits});
        chip->cpu[n].waiting = n != 0;
    }
}

static void drain_ioapic(struct irqchip *chip, uint32_t *kick)
{
    struct irq_message message;

    while (ioapic_next(&chip->ioapic, &message))
        irqchip_send(chip, IRQCHIP_DEVICE, &message, kick);
}

static void drive_intr(struct irqchip *chip, bool level, uint32_t *kick)
{
    for (unsigned n = 0; n < chip->cpus; n++)
        irqchip_pin_events(chip, n, lapic_pin(&chip->cpu[n].lapic, 0, level), kick);
    ioapic_set_line(&chip->ioapic, 0, level);
    drain_ioapic(chip, kick);
}

void irqchip_pic_changed(struct irqchip *chip, uint32_t *kick)
{
    const uint8_t request = pic_peek(&chip->pic);

    if (request == chip->request && !chip->pic.again) // one more edge: the offer may have been taken
        return;
    chip->request = request;
    drive_intr(chip, request != PIC_SPURIOUS, kick);
    for (unsigned n = 0; n < chip->cpus; n++) {
        if (chip->cpu[n].offered_pic || lapic_extint(&chip->cpu[n].lapic))
            *kick |= 1u << n;
    }
}

void irqchip_pic_acknowledged(struct irqchip *chip, uint32_t *kick)
{
    chip->request = PIC_SPURIOUS;
    drive_intr(chip, false, kick);
    irqchip_pic_changed(chip, kick);
}

void irqchip_set_line(struct irqchip *chip, unsigned gsi, bool level, uint32_t *kick)
{
    if (gsi >= IRQCHIP_LINES || gsi == PIC_CASCADE)
        return;
    if (gsi < 16)
        pic_set_line(&chip->pic, gsi, level);
    ioapic_set_line(&chip->ioapic, gsi == 0 ? PIT_PIN : gsi, level);
    drain_ioapic(chip, kick);
    irqchip_pic_changed(chip, kick);
}

void irqchip_set_nmi(struct irqchip *chip, bool level, uint32_t *kick)
{
    for (unsigned n = 0; n < chip->cpus; n++)
        irqchip_pin_events(chip, n, lapic_pin(&chip->cpu[n].lapic, 1, level), kick);
}

// [SDM] 3A 10.11. With the redirection hint a logical destination means its lowest-priority member.
void irqchip_msi(struct irqchip *chip, uint64_t address, uint32_t data, uint32_t *kick)
{
    enum { LOGICAL = 1 << 2, HINT = 1 << 3, ASSERT = 1 << 14, LEVEL = 1 << 15 };
    const bool choose = (address & HINT) && (address & LOGICAL);
    struct irq_message message = {
        .dest = irq_dest8((uint32_t)(address >> 12) & 0xff),
        .vector = (uint8_t)data,
        .delivery = data >> 8 & 7,
        .logical = address & LOGICAL,
        .level = data & LEVEL,
    };

    if (address >> 20 != LAPIC_PAGE >> 20 || ((data & LEVEL) && !(data & ASSERT)))
        return;
    if (choose && message.delivery == IRQ_FIXED)
        message.delivery = IRQ_LOWEST;
    irqchip_send(chip, IRQCHIP_DEVICE, &message, kick);
}

static void spread(struct irqchip *chip, unsigned n, const struct lapic_effect *effect, uint32_t *kick)
{
    if (effect->sent)
        irqchip_send(chip, n, &effect->ipi, kick);
    if (effect->eoi != LAPIC_NONE) {
        ioapic_eoi(&chip->ioapic, effect->eoi);
        drain_ioapic(chip, kick);
    }
}

bool irqchip_skipped_eoi(struct irqchip *chip, unsigned n, uint32_t *kick)
{
    const struct lapic_effect effect = lapic_eoi(&chip->cpu[n].lapic);

    spread(chip, n, &effect, kick);
    return effect.eoi != LAPIC_NONE;
}

static bool in_ioapic(uint64_t gpa)
{
    return (gpa & ~0xfffull) == IOAPIC_PAGE;
}

bool irqchip_mmio_read(struct irqchip *chip, unsigned n, uint64_t gpa, unsigned size, uint64_t *value,
                       struct vclock now)
{
    struct lapic *l = &chip->cpu[n].lapic;

    if (lapic_owns(l, gpa))
        *value = lapic_mmio_read(l, gpa & 0xfff, size, now);
    else if (in_ioapic(gpa))
        *value = ioapic_read(&chip->ioapic, gpa & 0xfff, size);
    else
        return false;
    return true;
}

bool irqchip_mmio_write(struct irqchip *chip, unsigned n, uint64_t gpa, unsigned size, uint64_t value,
                        struct vclock now, uint32_t *kick)
{
    struct lapic *l = &chip->cpu[n].lapic;

    if (lapic_owns(l, gpa)) {
        const struct lapic_effect effect = lapic_mmio_write(l, gpa & 0xfff, size, value, now);

        spread(chip, n, &effect, kick);
        return true;
    }
    if (!in_ioapic(gpa))
        return false;
    ioapic_write(&chip->ioapic, gpa & 0xfff, size, value);
    drain_ioapic(chip, kick);
    return true;
}

bool irqchip_msr_read(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t *value, struct vclock now)
{
    return lapic_msr_read(&chip->cpu[n].lapic, msr, value, now);
}

bool irqchip_msr_write(struct irqchip *chip, unsigned n, uint32_t msr, uint64_t value, struct vclock now,
                       uint32_t *kick)
{
    struct lapic_effect effect;

    if (!lapic_msr_write(&chip->cpu[n].lapic, msr, value, now, &effect))
        return false;
    spread(chip, n, &effect, kick);
    return true;
}

uint8_t irqchip_port_read(struct irqchip *chip, uint16_t port, uint32_t *kick)
{
    const uint8_t value = pic_read(&chip->pic, port); // a poll acknowledges

    irqchip_pic_changed(chip, kick);
    return value;
}

void irqchip_port_write(struct irqchip *chip, uint16_t port, uint8_t value, uint32_t *kick)
{
    pic_write(&chip->pic, port, value);
    irqchip_pic_changed(chip, kick);
}
