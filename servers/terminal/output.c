// What goes to the host's line.
// SPDX-License-Identifier: MIT
#include "servers/terminal/terminal.h"

// What was put and is not published yet takes room too.
static uint32_t room_of(const struct terminal *t)
{
    uint32_t room, ahead = (uint32_t)(t->view->output - t->output.position);
    return ring_room(&t->output, &room) && room > ahead ? room - ahead : 0;
}

bool output_has_room(struct terminal *t)
{
    if (room_of(t) >= OUTPUT_PIECE)
        return true;
    return !ring_sleep_full(&t->output, OUTPUT_PIECE) && room_of(t) >= OUTPUT_PIECE;
}

void output_put(struct terminal *t, const void *bytes, uint32_t count)
{
    ring_put(&t->output, t->view->output, bytes, count);
    t->view->output += count;
    t->changed_view = true;
}

void output_text(struct terminal *t, const char *text)
{
    output_put(t, text, (uint32_t)strlen(text));
}

void output_end_line(struct terminal *t)
{
    if (t->view->owner != STREAM_NONE)
        output_put(t, "\r\n", 2);
    t->view->owner = STREAM_NONE;
    t->changed_view = true;
}
