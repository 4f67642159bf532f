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

enum { VECTORS = VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1 };
static struct irq *by_vector[VECTORS];

enum status irq_make(void *o, const struct request *r)
{
    struct irq *i = o, **free = NULL;
    uint64_t gsi = r->a[2];
    if (gsi >= irq_count())
        return STATUS_BAD_ARG;
    for (unsigned v = 0; v < VECTORS; v++) {
        if (by_vector[v] && by_vector[v]->gsi == gsi)
            return STATUS_EXISTS;
        if (!by_vector[v] && !free)
            free = &by_vector[v];
    }
    if (!free)
        return STATUS_NO_QUOTA;
    i->gsi = (uint32_t)gsi;
    if (!irq_route(i->gsi, (uint8_t)(VECTOR_IRQ_FIRST + (free - by_vector)), 0))
        return STATUS_BAD_ARG;
    i->place = free;
    *free = i;
    return STATUS_OK;
}

bool irq_release(void *o)
{
    const struct irq *i = o;
    if (i->place) {
        irq_mask(i->gsi);
        *i->place = NULL;
    }
    return true;
}

void irq_dispatch(unsigned vector)
{
    const struct irq *i = by_vector[vector - VECTOR_IRQ_FIRST];
    if (i && irq_is_level(i->gsi))
        irq_mask(i->gsi);
    lapic_eoi();
    struct notification *n = i ? (struct notification *)ref_get(i->notification.ref) : NULL;
    if (n)
        notification_signal(n, i->notification.badge);
}

static enum status bind(const struct request *r)
{
    struct irq *i = r->object[0];
    i->notification = *r->cap[2];
    irq_unmask(i->gsi);
    return STATUS_OK;
}

static enum status acknowledge(const struct request *r)
{
    const struct irq *i = r->object[0];
    if (ref_get(i->notification.ref))
        irq_unmask(i->gsi);
    return STATUS_OK;
}

static enum status unbind(const struct request *r)
{
    struct irq *i = r->object[0];
    irq_mask(i->gsi);
    i->notification = (struct capability){0};
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

enum status ioports_make(void *o, const struct request *r)
{
    struct ioports *i = o;
    uint64_t first = r->a[2], last = r->a[3];
    if (first > last || last > 0xffff)
        return STATUS_BAD_ARG;
    i->first = (uint16_t)first;
    i->last = (uint16_t)last;
    return STATUS_OK;
}

// Nobody may use these ports any more: the map of whoever runs is made anew.
bool ioports_release(void *o)
{
    (void)o;
    if (this_cpu()->ports_of)
        trap_ports_changed(this_cpu()->ports_of);
    return true;
}

enum status ioports_allow(struct process *p, const struct ioports *i)
{
    if (p->port_count == PORT_RANGES_MAX)
        return STATUS_NO_QUOTA;
    p->ports[p->port_count++] = (struct port_range){i->first, i->last, ref_to(&i->object)};
    trap_ports_changed(p);
    return STATUS_OK;
}
