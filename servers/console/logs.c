// Logs on the console: whole lines of all servers, between the guest's own.
// SPDX-License-Identifier: MIT
//
// A line waits while the guest is in the middle of one of its own: until that ends, or until the guest has
// been silent for a while (a prompt), or until too much has waited for too long. Then it begins on a new line
// of the host's. A ring whose producer is at fault is read on from where that says it is.
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/time.h"
#include "servers/console/console.h"

#define SILENT_NS (250 * NS_PER_MS)
#define HOLD_NS   (2 * NS_PER_S)

enum { HELD_MAX = LOG_RING_BYTES / 4 };

struct line {
    uint32_t log;
    struct log_line line;
};

static bool line_at(const struct console *c, uint32_t log, struct line *line)
{
    line->log = log;
    return log_line_first(&c->log[log], &line->line);
}

// The next line, each log in its turn.
static bool next_line(const struct console *c, struct line *line)
{
    for (uint32_t i = 1; i <= c->config->logs; i++)
        if (line_at(c, (c->changed_log + i) % c->config->logs, line))
            return true;
    return false;
}

static bool is_crowded(const struct console *c)
{
    uint32_t filled;
    for (uint32_t i = 0; i < c->config->logs; i++)
        if (ring_filled(&c->log[i], &filled) && filled >= HELD_MAX)
            return true;
    return false;
}

static uint64_t hold_until(const struct console *c)
{
    return earlier(c->spoke + ticks_from_ns(SILENT_NS), c->held + ticks_from_ns(HOLD_NS));
}

static bool is_held(struct console *c, uint64_t now)
{
    if (c->port->mid_line && !c->held)
        c->held = now;
    if (c->port->mid_line && now < hold_until(c) && !is_crowded(c))
        return true;
    c->held = 0;
    return false;
}

static bool has_room(struct console *c, uint32_t bytes)
{
    uint32_t room;
    bool sleeps = ring_sleep_full(&c->output, bytes);
    return !sleeps && ring_room(&c->output, &room) && room >= bytes;
}

static uint32_t format(const struct console *c, const struct line *line, char *out)
{
    uint32_t begin = 0;
    if (c->port->mid_line) {
        out[begin++] = '\r';
        out[begin++] = '\n';
    }
    return begin + log_line_show(&line->line, c->config->name[line->log], out + begin);
}

static void take(struct console *c, uint32_t log, uint64_t position)
{
    c->logs->position[log] = position;
    c->changed_log = log;
    c->changes |= CHANGED_LOG;
}

static void print(struct console *c, const struct line *line)
{
    char out[LOG_SHOWN_MAX];
    take(c, line->log, c->log[line->log].position + line->line.bytes);
    if (!log_line_wanted(&line->line, c->config->level))
        return;
    uint32_t bytes = format(c, line, out);
    ring_put(&c->output, c->port->output, out, bytes);
    c->port->output += bytes;
    c->port->mid_line = 0;
    c->changes |= CHANGED_PORT;
}

// Nobody vouches for what is in such a ring.
static bool skip_faulty(struct console *c)
{
    uint32_t filled;
    for (uint32_t i = 0; i < c->config->logs; i++) {
        if (ring_filled(&c->log[i], &filled))
            continue;
        take(c, i, ring_last_produced(c->log[i].shared));
        return true;
    }
    return false;
}

static void sleep(struct console *c)
{
    for (uint32_t i = 0; i < c->config->logs; i++)
        (void)!ring_sleep_empty(&c->log[i]);
}

bool console_print_log(struct console *c, uint64_t now)
{
    struct line line;
    if (skip_faulty(c))
        return true;
    bool found = next_line(c, &line);
    if (!found) {
        sleep(c);
        found = next_line(c, &line); // what came in between woke nobody
    }
    c->logs_idle = !found;
    c->logs_blocked = found && !has_room(c, LOG_SHOWN_MAX);
    if (!found || c->logs_blocked || is_held(c, now))
        return false;
    print(c, &line);
    return true;
}

uint64_t console_log_due(const struct console *c, uint64_t now)
{
    if (c->logs_idle || c->logs_blocked)
        return 0;
    return c->held && c->port->mid_line ? hold_until(c) : now;
}
