// Logs: whole lines of all servers become one stream.
// SPDX-License-Identifier: MIT
//
// They are taken at once, whatever the host's line does, so that no server's ring runs full. A ring whose
// producer is at fault is read on from where that says it is.
#include "servers/common/log_lines.h"
#include "servers/terminal/terminal.h"

static bool is_faulty(const struct ring *r)
{
    uint32_t filled;
    return !ring_filled(r, &filled);
}

// The next log with a line, each in its turn.
static uint32_t next_log(const struct terminal *t, struct log_line *line)
{
    for (uint32_t i = 1; i <= TERMINAL_LOGS_MAX; i++) {
        uint32_t log = (t->log_turn + i) % TERMINAL_LOGS_MAX;
        if (terminal_logs(t, log) && (log_line_first(&t->line[log], line) || is_faulty(&t->line[log])))
            return log;
    }
    return LOG_NONE;
}

static void sleep(struct terminal *t)
{
    for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
        if (terminal_logs(t, i))
            (void)!ring_sleep_empty(&t->line[i]);
}

static void put(struct terminal *t, uint32_t log, const struct log_line *line)
{
    char out[LOG_SHOWN_MAX];
    if (!log_line_wanted(line, t->level))
        return;
    uint32_t bytes = log_line_show(line, t->names->log[log].text, out);
    out[bytes++] = '\n';
    stream_write(&t->log_producer, t->view->log, out, bytes);
    t->view->log += bytes;
    t->changed_view = true;
}

bool terminal_take_log(struct terminal *t)
{
    struct log_line line;
    uint32_t log = next_log(t, &line);
    if (log == LOG_NONE) {
        sleep(t);
        log = next_log(t, &line); // what came in between woke nobody
    }
    if (log == LOG_NONE)
        return false;
    const struct ring *r = &t->line[log];
    if (is_faulty(r)) { // nobody vouches for what is in it
        t->log[log].position = ring_last_produced(r->shared);
    } else {
        t->log[log].position = r->position + line.bytes;
        put(t, log, &line);
    }
    t->changed_log = t->log_turn = log;
    return true;
}
