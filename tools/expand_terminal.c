// The terminal, and who comes to it: consoles of VMs, the logs of all servers.
// SPDX-License-Identifier: MIT
//
// Both are numbered as they come. By its number a console or log has its windows and slots in the terminal,
// and its entry in the terminal's table of names (proto/terminal.h).
#include "libipc/proto/terminal.h"

#include <string.h>

#include "libipc/proto/layout.h"
#include "libipc/stream.h"
#include "tools/expand_parts.h"

enum { LOG_STRIDE = 0x200000, CONSOLE_STRIDE = 0x400000, CONSOLE_INPUT = 0x200000 };

static struct plan_server *terminal(const struct scope *s)
{
    return expand_find_server(s->plan, "terminal");
}

static void add_name(const struct scope *s, uint64_t entry, const char *text)
{
    struct plan_object *names = expand_find_object(s->plan, "terminal.names");
    *PLAN_ADD(s->plan, &names->memory.names, struct plan_name) = (struct plan_name){entry, text};
}

void expand_terminal(struct scope *s)
{
    const char *level = arena_format(s->plan->arena, "\"level\": \"%s\"", s->plan->log);
    struct plan_server *server = expand_server(s, KIND_TERMINAL, arena_format(s->plan->arena, "{%s}", level));
    expand_stand_in(s, server, KIND_TERMINAL, arena_format(s->plan->arena, ", \"logs\": true, %s", level));
    expand_memory(s, "@.names", NULL, sizeof(struct terminal_names), FILL_NAMES);
    s->plan->log_signal = "terminal.bits";
    s->plan->log_badge = TERMINAL_BIT_LOG;
}

void expand_console(struct scope *s, const char *name, struct plan_server *server, struct console_end end)
{
    uint32_t number = s->console_count++;
    struct plan_program *to = &terminal(s)->program;
    uint64_t window = TERMINAL_MAP_CONSOLES + (uint64_t)number * CONSOLE_STRIDE;
    add_name(s, number, name);
    expand_cap(s, &server->program,
               (struct kind_cap){end.slot, "terminal.bits", "s", TERMINAL_BIT_CONSOLE(number)});
    expand_cap(s, to, (struct kind_cap){TERMINAL_SLOT_CONSOLE + number, "@.bits", "s", end.badge});
    expand_map(s, &to->maps, (struct kind_map){window, end.output, "rw"});
    expand_map(s, &to->maps, (struct kind_map){window + CONSOLE_INPUT, end.input, "rw"});
    *PLAN_ADD(s->plan, &s->plan->drain, const char *) = expand_name(s, end.output);
}

static uint32_t log_number(struct scope *s, const struct plan_server *server)
{
    bool added = s->numbers && server && server->vm && strcmp(server->vm, s->numbers->vm) == 0;
    return added ? s->numbers->log + s->added_logs++ : s->log_count++;
}

static void add_log(struct scope *s, const char *name, const struct plan_server *server)
{
    uint32_t number = log_number(s, server);
    struct kind_map ring = {TERMINAL_MAP_LOGS + (uint64_t)number * LOG_STRIDE, "@.log", "rw"};
    s->server = name;
    add_name(s, TERMINAL_CONSOLES_MAX + number, name);
    expand_map(s, &terminal(s)->program.maps, ring);
    expand_map(s, &terminal(s)->failed.maps, ring);
    *PLAN_ADD(s->plan, &s->plan->drain, const char *) = expand_name(s, "@.log");
}

// The supervisor's and those of all servers, its own among them.
void expand_logs(struct scope *s)
{
    s->server = "init";
    expand_memory(s, "@.log", NULL, RING_PAGES(LOG_RING_BYTES) * PAGE, FILL_ZERO);
    expand_map(s, &s->plan->init_maps, (struct kind_map){MAP_LOG, "@.log", "rw"});
    add_log(s, "init", NULL);
    PLAN_EACH(struct plan_server, server, &s->plan->servers)
    add_log(s, server->name, server);
    *PLAN_ADD(s->plan, &s->plan->drain, const char *) = "terminal.stream";
    *PLAN_ADD(s->plan, &s->plan->drain, const char *) = "uart.output";
}
