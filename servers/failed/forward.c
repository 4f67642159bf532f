// Logs go on to the host's line when the terminal has failed.
// SPDX-License-Identifier: MIT
#include "servers/failed/forward.h"

#include "libipc/proto/layout.h"

bool forward_open(struct forward *f, void *output)
{
    return ring_open(&f->output, output, RING_PAGES(OUTPUT_RING_BYTES) * 4096, OUTPUT_RING_BYTES, 1,
                     ring_last_produced(output));
}

// Servers come and go. False: nobody logs there.
static bool is_open(struct forward *f, uint32_t i)
{
    uint64_t use = name_use(&f->names->log[i]);
    if (use && f->log[i].use != use) {
        uint8_t *ring = f->logs + i * f->log_stride;
        if (!ring_open(&f->log[i].ring, ring, RING_PAGES(LOG_RING_BYTES) * 4096, LOG_RING_BYTES, 1,
                       ring_last_consumed(ring)))
            return false;
    }
    f->log[i].use = use;
    return use != 0;
}

static bool has_room(struct forward *f)
{
    uint32_t room;
    return !ring_sleep_full(&f->output, LOG_SHOWN_MAX) && ring_room(&f->output, &room) &&
           room >= LOG_SHOWN_MAX;
}

// Nobody vouches for what is in a ring whose producer is at fault.
static uint64_t behind_line(const struct ring *log, const struct log_line *line)
{
    uint32_t filled;
    return ring_filled(log, &filled) ? log->position + line->bytes : ring_last_produced(log->shared);
}

// True: there was one.
static bool forward_line(struct forward *f, uint32_t i, bool *tell)
{
    struct log_line line = {0};
    struct ring *log = &f->log[i].ring;
    uint32_t filled;
    if (!is_open(f, i))
        return false;
    bool found = log_line_first(log, &line);
    if (!found && ring_filled(log, &filled))
        return false;
    if (found && log_line_wanted(&line, f->level)) {
        char out[LOG_SHOWN_MAX];
        uint32_t bytes = log_line_show(&line, f->names->log[i].text, out);
        out[bytes++] = '\r';
        out[bytes++] = '\n';
        ring_put(&f->output, f->output.position, out, bytes);
        *tell |= ring_publish_produced(&f->output, f->output.position + bytes);
    }
    (void)!ring_publish_consumed(log, behind_line(log, &line)); // a log does not wait for room
    return true;
}

// All that there is room for. False: there was nothing.
static bool forward_all(struct forward *f, bool *tell)
{
    bool any = false;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < TERMINAL_LOGS_MAX && has_room(f); i++)
            moved = forward_line(f, i, tell) || moved;
        any = any || moved;
    }
    return any;
}

bool forward_lines(struct forward *f)
{
    bool tell = false;
    do {
        (void)forward_all(f, &tell);
        for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
            if (f->log[i].use)
                (void)!ring_sleep_empty(&f->log[i].ring);
    } while (forward_all(f, &tell)); // what came in between woke nobody
    return tell;
}
