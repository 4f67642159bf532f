// Rights to interrupts and port ranges.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/object.h"
#include "kernel/process.h"

struct irq {
    struct object object;
    uint32_t gsi;   // [I]
    uint8_t vector; // [I]
    struct ref notification;
    uint64_t bits;
};

struct ioports {
    struct object object;
    uint16_t first, last; // [I]
};

enum status irq_create(struct process *payer, uint64_t gsi, struct irq **out) MUST_CHECK;
void irq_release(struct irq *i);
enum status ioports_create(struct process *payer, uint64_t first, uint64_t last,
                           struct ioports **out) MUST_CHECK;
// A process that is granted the right may use the ports from its next switch on.
enum status ioports_allow(struct process *p, const struct ioports *i) MUST_CHECK;
