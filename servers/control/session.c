// The line: whole commands are taken out of one ring, their answers put into the other.
// SPDX-License-Identifier: MIT
#include "servers/control/session.h"

#include <string.h>

#include "servers/control/commands.h"

static char line[LINE_MAX + 1], said[ROOM_NEEDED];

bool session_open(struct session *s, void *input, void *output, void *events)
{
    const struct session_state *at = s->state;
    return ring_open(&s->input, input, RING_PAGES(CONTROL_INPUT_BYTES) * 4096, CONTROL_INPUT_BYTES, 1,
                     at->input) &&
           ring_open(&s->output, output, RING_PAGES(CONTROL_OUTPUT_BYTES) * 4096, CONTROL_OUTPUT_BYTES, 1,
                     at->output) &&
           ring_open(&s->events, events, INIT_EVENT_BYTES, INIT_EVENT_CAPACITY, sizeof(struct init_event),
                     at->events);
}

static void put(struct session *s, const struct out *o)
{
    ring_put(&s->output, s->state->output, o->at, (uint32_t)o->used);
    s->state->output += o->used;
}

void session_begin(struct session *s)
{
    struct out o = {.at = said, .size = sizeof said};
    s->input.position = s->state->input = ring_resume_consuming(s->input.shared, CONTROL_INPUT_BYTES);
    s->output.position = s->state->output = ring_resume_producing(s->output.shared, CONTROL_OUTPUT_BYTES);
    greeting_write(&o);
    put(s, &o);
}

void session_publish(struct session *s)
{
    const struct session_state *at = s->state;
    s->signals |= ring_publish_produced(&s->output, at->output);
    s->signals |= ring_publish_consumed(&s->input, at->input);
    (void)!ring_publish_consumed(&s->events, at->events); // the supervisor waits for nobody
}

// ---- one command ----

static void run(struct session *s, const struct request *q, struct out *o, struct error *e)
{
    bool opens = q->command == COMMAND_CAPABILITIES;
    if (!s->state->agreed && !opens)
        error_set(e, ERROR_COMMAND_NOT_FOUND, "\"capabilities\" is to be executed first");
    else
        (void)!command_run(q, s->state->input + 1, o, e);
    s->state->agreed |= opens;
}

static void too_long(struct session *s)
{
    struct out o = {.at = said, .size = sizeof said};
    const struct request q = {0};
    struct error e;
    error_set(&e, ERROR_BAD_JSON, "a line has more than %u KiB", LINE_MAX >> 10);
    answer_end(&o, &q, &e);
    put(s, &o);
}

static bool is_blank(uint32_t length)
{
    return length == strspn(line, " \t\r");
}

static void take_line(struct session *s, uint32_t length)
{
    struct request q;
    struct error e = {0};
    struct out o = {.at = said, .size = ANSWER_MAX};
    ring_get(&s->input, s->state->input, line, length);
    line[length] = 0;
    if (is_blank(length))
        return;
    bool good = request_read(&q, line, length, &e);
    if (good && q.command == COMMAND_GREETING) {
        greeting_write(&o);
    } else {
        answer_begin(&o);
        if (good)
            run(s, &q, &o, &e);
        o.size = sizeof said; // for the id
        answer_end(&o, &q, &e);
    }
    put(s, &o);
}

// ---- the rings ----

// The newline that ends the line at `input`, or how far there is none.
static bool find_end(struct session *s, uint32_t filled)
{
    for (; s->scanned < filled && s->scanned <= LINE_MAX; s->scanned++) {
        uint8_t *at;
        (void)ring_piece(&s->input, s->state->input + s->scanned, 1, &at);
        if (*at == '\n')
            return true;
    }
    return false;
}

static bool step_line(struct session *s)
{
    uint32_t filled;
    if (!ring_filled(&s->input, &filled)) { // who wrote this position vouches for nothing
        s->state->input = ring_last_produced(s->input.shared);
        s->scanned = 0;
        return true;
    }
    bool ends = find_end(s, filled);
    uint32_t length = s->scanned;
    if (!ends && length <= LINE_MAX && !(s->state->dropping && length))
        return false;
    if (ends && !s->state->dropping)
        take_line(s, length);
    else if (ends)
        too_long(s);
    s->state->dropping = !ends;
    s->state->input += length + ends;
    s->scanned = 0;
    return true;
}

static bool step_event(struct session *s)
{
    struct init_event event;
    struct out o = {.at = said, .size = sizeof said};
    uint32_t filled;
    if (!ring_filled(&s->events, &filled) || !filled)
        return false;
    ring_get(&s->events, s->state->events++, &event, 1);
    event_write(&o, &event);
    put(s, &o);
    return true;
}

static bool has_room(const struct session *s)
{
    uint32_t room;
    return ring_room(&s->output, &room) && room >= ROOM_NEEDED;
}

bool session_step(struct session *s)
{
    if (!has_room(s) && (ring_sleep_full(&s->output, ROOM_NEEDED) || !has_room(s)))
        return false;
    if (step_event(s) || step_line(s))
        return true;
    (void)!ring_sleep_empty(&s->events);
    (void)!ring_sleep_empty(&s->input); // a part of a line lies there: look again oneself
    return step_event(s) || step_line(s);
}
