// The host's serial line.
// SPDX-License-Identifier: MIT
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { COM1_FIRST = 0x3f8, COM1_LAST = 0x3ff, COM1_GSI = 4 };

void expand_host_line(struct scope *s)
{
    struct plan_object *irq = expand_object(s, MANIFEST_IRQ, "uart.irq", NULL);
    irq->irq.gsi = COM1_GSI;
    struct plan_object *ports = expand_object(s, MANIFEST_IOPORTS, "uart.ports", NULL);
    ports->ioports.first = COM1_FIRST;
    ports->ioports.last = COM1_LAST;
    expand_stand_in(s, expand_server(s, KIND_UART, "{}"), KIND_UART, ", \"prints\": true");
}
