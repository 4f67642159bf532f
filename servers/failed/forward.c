// Logs go on to the host's line when the console has failed.
// SPDX-License-Identifier: MIT
#include "servers/failed/forward.h"

bool forward_open(struct forward *f, const struct log_names *names, void *output, uint8_t *log_rings,
                  uint64_t log_stride)
{
    f->names = names;
    if (!ring_open(&f->output, output, RING_PAGES(OUTPUT_RING_BYTES) * 4096, OUTPUT_RING_BYTES, 1,
                   ring_last_produced(output)))
        return false;
    for (uint32_t i = 0; i < names->logs; i++) {
        uint8_t *ring = log_rings + i * log_stride;
        if (!ring_open(&f->log[i], ring, RING_PAGES(LOG_RING_BYTES) * 4096, LOG_RING_BYTES, 1,
                       ring_last_consumed(ring)))
            return false;
    }
    return true;
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
    uint32_t filled;
    bool found = log_line_first(&f->log[i], &line);
    if (!found && ring_filled(&f->log[i], &filled))
        return false;
    if (found && log_line_wanted(&line, f->names->level)) {
        char out[LOG_SHOWN_MAX];
        uint32_t bytes = log_line_show(&line, f->names->name[i], out);
        ring_put(&f->output, f->output.position, out, bytes);
        *tell |= ring_publish_produced(&f->output, f->output.position + bytes);
    }
    (void)!ring_publish_consumed(&f->log[i], behind_line(&f->log[i], &line)); // a log does not wait for room
    return true;
}

// All that there is room for. False: there was nothing.
static bool forward_all(struct forward *f, bool *tell)
{
    bool any = false;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < f->names->logs && has_room(f); i++)
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
        for (uint32_t i = 0; i < f->names->logs; i++)
            (void)!ring_sleep_empty(&f->log[i]);
    } while (forward_all(f, &tell)); // what came in between woke nobody
    return tell;
}
