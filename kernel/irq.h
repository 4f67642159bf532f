// Rights to interrupts and port ranges.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/object.h"
#include "kernel/process.h"

struct irq {
    struct object object;
    uint32_t gsi;       // [I]
    struct irq **place; // [I] in the table of vectors
    struct capability notification;
};

struct ioports {
    struct object object;
    uint16_t first, last; // [I]
};

enum status irq_make(void *o, const struct request *r) MUST_CHECK;
bool irq_release(void *o);
enum status ioports_make(void *o, const struct request *r) MUST_CHECK;
bool ioports_release(void *o);
// A process that is granted the right may use the ports from its next switch on.
enum status ioports_allow(struct process *p, const struct ioports *i) MUST_CHECK;
