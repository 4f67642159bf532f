// The host's own devices: its serial line, the parts of a virtio function.
// SPDX-License-Identifier: MIT
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { COM1_FIRST = 0x3f8, COM1_LAST = 0x3ff, COM1_GSI = 4, VIRTIO_VENDOR = 0x1af4, VIRTIO_DEVICE = 0x1040 };

void expand_host_line(struct scope *s)
{
    struct plan_object *irq = expand_object(s, MANIFEST_IRQ, "uart.irq", NULL);
    irq->irq.gsi = COM1_GSI;
    struct plan_object *ports = expand_object(s, MANIFEST_IOPORTS, "uart.ports", NULL);
    ports->ioports.first = COM1_FIRST;
    ports->ioports.last = COM1_LAST;
    expand_stand_in(s, expand_server(s, KIND_UART, "{}"), KIND_UART, ", \"prints\": true");
}

void expand_virtio_function(const struct scope *s, unsigned number)
{
    struct plan_object *device = expand_object(s, MANIFEST_DEVICE, "@.device", NULL);
    const char *name = device->name;
    device->function.vendor = VIRTIO_VENDOR;
    device->function.device = VIRTIO_DEVICE + number;
    device->function.optional = true;
    expand_object(s, MANIFEST_IRQ, "@.irq", NULL)->irq.device = name;
    struct plan_object *registers = expand_object(s, MANIFEST_MEMORY, "@.registers", NULL);
    registers->memory.fill = FILL_BAR;
    registers->memory.pages = VIRTIO_DRIVER_BAR_PAGES;
    registers->memory.device = name;
    registers->memory.bar = VIRTIO_DRIVER_BAR;
}
