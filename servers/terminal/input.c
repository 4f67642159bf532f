// What is typed: for the console that is attached, or for the terminal itself.
// SPDX-License-Identifier: MIT
//
// A byte stays in the driver's ring until the console's has room for it; so a guest that does not read holds
// back the keys behind it, too, the escape key among them.
#include <stdarg.h>
#include <stdio.h>

#include "servers/terminal/terminal.h"

enum { AT_ONCE = 64, LINE = 256 };

__attribute__((format(printf, 2, 3))) static void say(struct terminal *t, const char *format, ...)
{
    char line[LINE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    output_end_line(t);
    output_text(t, "[terminal] ");
    output_text(t, line);
    output_text(t, "\r\n");
}

// Behind a line that was just said.
static void say_names(struct terminal *t)
{
    output_text(t, "[terminal] consoles: ");
    for (uint32_t i = STREAM_CONSOLE; i < STREAMS_MAX; i++) {
        if (!terminal_has(t, i))
            continue;
        output_text(t, terminal_name(t, i));
        output_text(t, ", ");
    }
    output_text(t, TERMINAL_LOG_NAME "\r\n");
}

static void change(struct terminal *t, uint32_t attached, uint32_t shared)
{
    output_end_line(t);
    t->view->attached = attached;
    t->view->shared = shared;
    t->changed_shows = true;
}

// All that is kept of it is shown again.
static void attach(struct terminal *t, uint32_t stream)
{
    change(t, stream, false);
    say(t, "%s; Ctrl-] ? for help", terminal_name(t, stream));
    t->source[stream].position = 0;
    t->stream[stream].shown = 0;
    t->changed_stream = stream;
}

static void attach_by_name(struct terminal *t)
{
    const char *name = t->view->keys.name;
    for (uint32_t i = 0; i < STREAMS_MAX; i++)
        if (terminal_has(t, i) && strcmp(name, terminal_name(t, i)) == 0) {
            attach(t, i);
            return;
        }
    say(t, "there is no console '%s'", name);
    say_names(t);
}

static void attach_beside(struct terminal *t, uint32_t step)
{
    uint32_t from = t->view->attached != STREAM_NONE ? t->view->attached : STREAM_LOG;
    for (uint32_t i = 1; i <= STREAMS_MAX; i++) {
        uint32_t stream = (from + i * step) % STREAMS_MAX;
        if (stream == STREAM_LOG || !terminal_has(t, stream))
            continue;
        attach(t, stream);
        return;
    }
    say(t, "there are no consoles");
}

static void toggle_logs(struct terminal *t)
{
    if (t->view->attached == STREAM_NONE || t->view->attached == STREAM_LOG)
        return;
    change(t, t->view->attached, !t->view->shared);
    say(t, "the log %s", t->view->shared ? "comes between the lines" : "stays away");
}

static void help(struct terminal *t)
{
    uint32_t attached = t->view->attached;
    say(t, "this is %s%s", attached == STREAM_NONE ? "the overview" : terminal_name(t, attached),
        attached != STREAM_NONE && t->view->shared ? ", with the log between its lines" : "");
    output_text(t, "[terminal] Ctrl-] a NAME Enter   attach to a console, its last 64 KiB first\r\n"
                   "[terminal] Ctrl-] n, Ctrl-] p    to the next one, to the one before\r\n"
                   "[terminal] Ctrl-] o              overview of all\r\n"
                   "[terminal] Ctrl-] l              the log between the lines, or not\r\n"
                   "[terminal] Ctrl-] Ctrl-]         Ctrl-] itself\r\n");
    say_names(t);
}

static void send(struct terminal *t, uint8_t byte)
{
    uint32_t stream = t->view->attached;
    if (stream != STREAM_NONE && stream != STREAM_LOG) {
        ring_put(&t->typed[stream], t->stream[stream].input++, &byte, 1);
        t->changed_stream = stream;
    } else if (byte == '\r' && output_has_room(t)) {
        say(t, "nothing is sent from here; Ctrl-] ? for help");
    }
}

static bool can_send(struct terminal *t)
{
    uint32_t stream = t->view->attached, room;
    if (stream == STREAM_NONE || stream == STREAM_LOG)
        return true;
    if (!terminal_has(t, stream))
        return false; // it is about to be opened
    struct ring *r = &t->typed[stream];
    uint32_t ahead = (uint32_t)(t->stream[stream].input - r->position) + 1;
    return (ring_room(r, &room) && room >= ahead) ||
           (!ring_sleep_full(r, ahead) && ring_room(r, &room) && room >= ahead);
}

static void act(struct terminal *t, enum keys_action action, uint8_t byte)
{
    switch (action) {
    case KEYS_NOTHING: break;
    case KEYS_SEND: send(t, byte); break;
    case KEYS_OVERVIEW:
        change(t, STREAM_NONE, false);
        say(t, "overview; Ctrl-] ? for help");
        break;
    case KEYS_NEXT: attach_beside(t, 1); break;
    case KEYS_PREVIOUS: attach_beside(t, STREAMS_MAX - 1); break;
    case KEYS_LOGS: toggle_logs(t); break;
    case KEYS_HELP: help(t); break;
    case KEYS_UNKNOWN: say(t, "that is no key; Ctrl-] ? for help"); break;
    case KEYS_ASK:
        output_end_line(t);
        output_text(t, "[terminal] attach to: ");
        break;
    case KEYS_ECHO: output_put(t, &byte, 1); break;
    case KEYS_RUBOUT: output_text(t, "\b \b"); break;
    case KEYS_CANCEL: output_text(t, "\r\n"); break;
    case KEYS_ATTACH:
        output_text(t, "\r\n");
        attach_by_name(t);
        break;
    }
}

static uint32_t waiting(struct terminal *t)
{
    uint32_t filled;
    if (ring_filled(&t->input, &filled) && filled)
        return filled;
    (void)!ring_sleep_empty(&t->input);
    return ring_filled(&t->input, &filled) ? filled : 0;
}

// Keys up to the first one that is a command.
bool terminal_take_input(struct terminal *t)
{
    uint8_t bytes[AT_ONCE];
    uint32_t count = waiting(t), done = 0;
    enum keys_action action = KEYS_SEND;
    count = count < sizeof bytes ? count : sizeof bytes;
    ring_get(&t->input, t->view->input, bytes, count);
    while (done < count && action == KEYS_SEND) {
        struct keys keys = t->view->keys;
        action = keys_type(&keys, bytes[done]);
        if (action == KEYS_SEND ? !can_send(t) : !output_has_room(t))
            break;
        t->view->keys = keys;
        act(t, action, bytes[done++]);
    }
    t->view->input += done;
    t->changed_view |= done != 0;
    return done != 0;
}
