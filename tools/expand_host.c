// The host's serial line, and the console at its other end.
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

static void add_log(const struct scope *s, struct plan_server *console, uint64_t at, const char *ring)
{
    expand_map(s, &console->program.maps, (struct kind_map){at, ring, "rw"});
    expand_map(s, &console->failed.maps, (struct kind_map){at, ring, "rw"});
}

// The console has the logs of all servers, so it comes last; its VM's quota pays.
void expand_console(struct scope *s)
{
    struct plan *p = s->plan;
    s->vm = s->console->name.text;
    s->server = "init";
    expand_memory(s, "@.log", NULL, RING_PAGES(LOG_RING_BYTES) * PAGE, FILL_ZERO);
    expand_map(s, &p->init_maps, (struct kind_map){MAP_LOG, "@.log", "rw"});
    p->log_signal = "console.bits";
    p->log_badge = CONSOLE_BIT_LOG;
    *PLAN_ADD(p, &p->drain, const char *) = "init.log";
    const char *names = "\"init\"";
    PLAN_EACH(struct plan_server, other, &p->servers)
    names = arena_format(p->arena, "%s, \"%s\"", names, other->name);
    const char *logs =
        arena_format(p->arena, "\"level\": \"%s\", \"logs\": [%s, \"console\"]", p->log, names);
    struct plan_server *console = expand_server(s, KIND_CONSOLE, arena_format(p->arena, "{%s}", logs));
    expand_stand_in(s, console, KIND_CONSOLE, arena_format(p->arena, ", \"line\": true, %s", logs));
    uint64_t at = CONSOLE_MAP_LOGS;
    add_log(s, console, at, "init.log");
    PLAN_EACH(struct plan_server, other, &p->servers)
    {
        s->server = other->name;
        add_log(s, console, at += 0x200000, "@.log");
        *PLAN_ADD(p, &p->drain, const char *) = expand_name(s, "@.log");
    }
    *PLAN_ADD(p, &p->drain, const char *) = "uart.output";
}
