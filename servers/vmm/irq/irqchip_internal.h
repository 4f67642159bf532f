// What the wiring and the vCPU side of the interrupt controllers share
// SPDX-License-Identifier: MIT
#pragma once

#include "servers/vmm/irq/irqchip.h"

// An lapic_event mask has come out of vCPU n's pins.
void irqchip_pin_events(struct irqchip *chip, unsigned n, unsigned events, uint32_t *kick);

// The 8259s may ask for something else now.
void irqchip_pic_changed(struct irqchip *chip, uint32_t *kick);
// They have seen an INTA: their output falls, and comes back if another request waits.
void irqchip_pic_acknowledged(struct irqchip *chip, uint32_t *kick);
