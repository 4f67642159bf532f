// The terminal's state: what there is, where it stands, what others see of it.
// SPDX-License-Identifier: MIT
#include "servers/terminal/terminal.h"

void terminal_begin(struct terminal *t)
{
    uint32_t consoles = 0, last = STREAM_NONE;
    for (uint32_t i = STREAM_CONSOLE; i < STREAMS_MAX; i++) {
        if (!name_use(&t->names->console[i - STREAM_CONSOLE]))
            continue;
        consoles++;
        last = i;
    }
    t->view->attached = consoles == 1 ? last : STREAM_NONE;
    t->view->shared = consoles == 1;
    t->view->owner = STREAM_NONE;
}

// Its pages are as many as it needs.
static void open_ring(struct ring *r, void *memory, uint32_t bytes, uint64_t position)
{
    (void)!ring_open(r, memory, RING_PAGES(bytes) * 4096, bytes, 1, position);
}

static void publish_typed(struct terminal *t, uint32_t stream)
{
    if (ring_publish_produced(&t->typed[stream], t->stream[stream].input))
        t->signal_consoles |= UINT64_C(1) << (stream - STREAM_CONSOLE);
}

static void open_console(struct terminal *t, uint32_t stream)
{
    uint8_t *window = t->consoles + (stream - STREAM_CONSOLE) * TERMINAL_CONSOLE_STRIDE;
    t->source[stream] = stream_open(window, t->stream[stream].shown);
    open_ring(&t->typed[stream], window + TERMINAL_CONSOLE_INPUT, INPUT_RING_BYTES, t->stream[stream].input);
    publish_typed(t, stream);
}

static void open_log(struct terminal *t, uint32_t log)
{
    open_ring(&t->line[log], t->logs + log * TERMINAL_LOG_STRIDE, LOG_RING_BYTES, t->log[log].position);
    (void)!ring_publish_consumed(&t->line[log], t->log[log].position); // who logs does not wait for room
}

// How far the line is with a stream.
static void tell(struct terminal *t, uint32_t stream)
{
    stream_tell(&t->source[stream], terminal_shows(t, stream) ? t->stream[stream].shown : STREAM_NOT_SHOWN);
}

static void tell_all(struct terminal *t)
{
    t->show_count = 0;
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        if (!terminal_has(t, i))
            continue;
        tell(t, i);
        if (terminal_shows(t, i))
            t->shows[t->show_count++] = i;
    }
}

// Who has the line leaves it.
static void leave(struct terminal *t, uint32_t stream)
{
    if (t->view->owner == stream)
        output_end_line(t);
    if (t->view->attached != stream)
        return;
    t->view->attached = STREAM_NONE;
    t->view->shared = false;
    t->changed_view = t->changed_shows = true;
}

// What went while nobody looked: its windows are gone, too.
static void drop_gone(struct terminal *t)
{
    for (uint32_t i = STREAM_CONSOLE; i < STREAMS_MAX; i++) {
        if (!t->stream[i].use || t->stream[i].use == name_use(&t->names->console[i - STREAM_CONSOLE]))
            continue;
        leave(t, i);
        t->stream[i] = (struct terminal_stream){0};
    }
    for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
        if (t->log[i].use && t->log[i].use != name_use(&t->names->log[i]))
            t->log[i] = (struct terminal_log){0};
}

void terminal_open(struct terminal *t, void *output, void *input, void *log)
{
    struct terminal_view *v = t->view;
    open_ring(&t->output, output, OUTPUT_RING_BYTES, v->output);
    open_ring(&t->input, input, INPUT_RING_BYTES, v->input);
    t->log_producer = stream_open(log, v->log);
    t->source[STREAM_LOG] = stream_open(log, t->stream[STREAM_LOG].shown);
    (void)!stream_publish(&t->log_producer, v->log); // who shows it is who produces it
    (void)!ring_publish_produced(&t->output, v->output);
    (void)!ring_publish_consumed(&t->input, v->input);
    drop_gone(t);
    for (uint32_t i = STREAM_CONSOLE; i < STREAMS_MAX; i++)
        if (t->stream[i].use)
            open_console(t, i);
    for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
        if (t->log[i].use)
            open_log(t, i);
    tell_all(t);
    t->signal_uart = true; // the dead server may have owed it
    t->changed_stream = STREAM_NONE;
    t->changed_log = LOG_NONE;
}

static void publish_stream(struct terminal *t, uint32_t stream)
{
    if (!terminal_has(t, stream))
        return;
    if (t->fresh)
        open_console(t, stream);
    else if (stream != STREAM_LOG && t->typed[stream].position != t->stream[stream].input)
        publish_typed(t, stream);
    tell(t, stream);
}

static void publish_log(struct terminal *t, uint32_t log)
{
    if (!terminal_logs(t, log))
        return;
    if (t->fresh)
        open_log(t, log);
    else
        (void)!ring_publish_consumed(&t->line[log], t->log[log].position);
}

// What was produced first: nothing is consumed that is nowhere.
void terminal_publish(struct terminal *t)
{
    const struct terminal_view *v = t->view;
    if (t->log_producer.position != v->log)
        (void)!stream_publish(&t->log_producer, v->log);
    if (t->output.position != v->output && ring_publish_produced(&t->output, v->output))
        t->signal_uart = true;
    if (t->changed_stream != STREAM_NONE)
        publish_stream(t, t->changed_stream);
    if (t->changed_log != LOG_NONE)
        publish_log(t, t->changed_log);
    if (t->input.position != v->input && ring_publish_consumed(&t->input, v->input))
        t->signal_uart = true;
    if (t->changed_shows || t->fresh)
        tell_all(t);
    t->changed_view = t->changed_shows = t->fresh = false;
    t->changed_stream = STREAM_NONE;
    t->changed_log = LOG_NONE;
}

// True: it came or went.
static bool look_at_log(struct terminal *t, uint32_t log)
{
    uint64_t use = name_use(&t->names->log[log]);
    if (t->log[log].use == use)
        return false;
    t->log[log] = (struct terminal_log){.use = use};
    t->changed_log = log;
    t->fresh = true;
    return true;
}

static bool look_at_console(struct terminal *t, uint32_t stream)
{
    uint64_t use = name_use(&t->names->console[stream - STREAM_CONSOLE]);
    if (t->stream[stream].use == use)
        return false;
    if (!output_has_room(t)) {
        t->looks_again = true;
        return false;
    }
    if (t->stream[stream].use)
        leave(t, stream);
    t->stream[stream] = (struct terminal_stream){.use = use};
    t->changed_stream = stream;
    t->fresh = true;
    return true;
}

// What is there now is opened when its beginning is committed.
bool terminal_look(struct terminal *t)
{
    t->looks_again = false;
    for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
        if (look_at_log(t, i))
            return true;
    for (uint32_t i = STREAM_CONSOLE; i < STREAMS_MAX; i++)
        if (look_at_console(t, i))
            return true;
    return false;
}
