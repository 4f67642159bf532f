// The host's second serial line, and who speaks on it.
// SPDX-License-Identifier: MIT
#include "libipc/proto/init.h"
#include "libipc/proto/layout.h"
#include "tools/expand_parts.h"

enum { COM2_FIRST = 0x2f8, COM2_LAST = 0x2ff, COM2_GSI = 3 };

void expand_control(struct scope *s)
{
    struct plan *p = s->plan;
    expand_object(s, MANIFEST_IRQ, "uart2.irq", NULL)->irq.gsi = COM2_GSI;
    struct plan_object *ports = expand_object(s, MANIFEST_IOPORTS, "uart2.ports", NULL);
    ports->ioports.first = COM2_FIRST;
    ports->ioports.last = COM2_LAST;
    expand_server(s, KIND_UART2,
                  arena_format(p->arena, "{\"port\": %u, \"output\": %u, \"input\": %u}", COM2_FIRST,
                               CONTROL_OUTPUT_BYTES, CONTROL_INPUT_BYTES));
    expand_server(s, KIND_CONTROL, "{}");
    p->control = (struct plan_control){.server = "control",
                                       .events = "control.events",
                                       .definition = "control.definition",
                                       .signal = "control.bits",
                                       .badge = CONTROL_BIT_EVENT};
    *PLAN_ADD(p, &p->drain, const char *) = "control.events";
    *PLAN_ADD(p, &p->drain, const char *) = "uart2.output";
}
