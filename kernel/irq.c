// Rights to interrupts and port ranges.
// SPDX-License-Identifier: MIT
//
// A level interrupt stays masked from its arrival until the driver's ACK says that the device is quiet. An
// edge stays unmasked: an IOAPIC forgets edges that come while a pin is masked.
#include "kernel/irq.h"

#include "kernel/endpoint.h"
#include "kernel/platform/platform.h"
#include "kernel/syscalls.h"
#include "kernel/trap.h"
#include "libipc/abi/syscall.h"

static struct irq *by_vector[VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1];

enum status irq_create(struct process *payer, uint64_t gsi, struct irq **out)
{
    if (gsi >= irq_count())
        return STATUS_BAD_ARG;
    unsigned free = VECTOR_IRQ_FIRST;
    for (unsigned v = VECTOR_IRQ_FIRST; v <= VECTOR_IRQ_LAST; v++) {
        const struct irq *other = by_vector[v - VECTOR_IRQ_FIRST];
        if (other && other->gsi == gsi)
            return STATUS_EXISTS;
        if (by_vector[free - VECTOR_IRQ_FIRST])
            free = v;
    }
    if (by_vector[free - VECTOR_IRQ_FIRST])
        return STATUS_NO_QUOTA;
    struct irq *i = (struct irq *)object_new(OBJECT_IRQ, sizeof *i, payer);
    if (!i)
        return STATUS_NO_QUOTA;
    i->gsi = (uint32_t)gsi;
    i->vector = (uint8_t)free;
    if (!irq_route(i->gsi, i->vector, 0)) {
        object_free(&i->object);
        return STATUS_BAD_ARG;
    }
    by_vector[free - VECTOR_IRQ_FIRST] = i;
    *out = i;
    return STATUS_OK;
}

void irq_release(struct irq *i)
{
    irq_mask(i->gsi);
    by_vector[i->vector - VECTOR_IRQ_FIRST] = NULL;
    object_free(&i->object);
}

void irq_dispatch(unsigned vector)
{
    const struct irq *i = by_vector[vector - VECTOR_IRQ_FIRST];
    if (i && irq_is_level(i->gsi))
        irq_mask(i->gsi);
    lapic_eoi();
    struct notification *n = i ? (struct notification *)ref_get(i->notification) : NULL;
    if (n)
        notification_signal(n, i->bits, false);
}

static enum status bind(const struct request *r)
{
    struct irq *i = r->object[0];
    i->notification = ref_to(r->object[2]);
    i->bits = r->cap[2]->badge;
    irq_unmask(i->gsi);
    return STATUS_OK;
}

static enum status acknowledge(const struct request *r)
{
    const struct irq *i = r->object[0];
    if (ref_get(i->notification))
        irq_unmask(i->gsi);
    return STATUS_OK;
}

static enum status unbind(const struct request *r)
{
    struct irq *i = r->object[0];
    irq_mask(i->gsi);
    i->notification = (struct ref){0};
    return STATUS_OK;
}

uint32_t sys_irq_ctl(struct request *r)
{
    static const struct operation operations[IRQ_OPS] = {
        [IRQ_BIND] = {bind, NEED(NOTIFICATION, RIGHT_SEND)},
        [IRQ_ACK] = {acknowledge, 0},
        [IRQ_UNBIND] = {unbind, 0},
    };
    return control(r, OBJECT_IRQ, operations, IRQ_OPS);
}

enum status ioports_create(struct process *payer, uint64_t first, uint64_t last, struct ioports **out)
{
    if (first > last || last > 0xffff)
        return STATUS_BAD_ARG;
    struct ioports *i = (struct ioports *)object_new(OBJECT_IOPORTS, sizeof *i, payer);
    if (!i)
        return STATUS_NO_QUOTA;
    i->first = (uint16_t)first;
    i->last = (uint16_t)last;
    *out = i;
    return STATUS_OK;
}

enum status ioports_allow(struct process *p, const struct ioports *i)
{
    if (p->port_count == PORT_RANGES_MAX)
        return STATUS_NO_QUOTA;
    p->ports[p->port_count++] = (struct port_range){i->first, i->last, ref_to(&i->object)};
    trap_ports_changed(p);
    return STATUS_OK;
}
