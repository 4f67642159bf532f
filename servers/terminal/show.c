// Pieces of streams on the host's line, one after the other.
// SPDX-License-Identifier: MIT
//
// A console that is attached has its bytes passed on as they are. All else comes in lines: a console's with
// its name before them and without what a terminal would obey, the log's as they are made (logs.c). Whoever
// begins a line owns the host's until it ends; the others wait, but not for ever: until the owner has been
// silent for a while (a prompt), or has kept them waiting for too long or too much. Then its line is ended
// for it. While the user types a name nothing is shown.
#include <stdio.h>

#include "libipc/time.h"
#include "servers/terminal/terminal.h"

#define SILENT_NS (250 * NS_PER_MS)
#define HOLD_NS   (2 * NS_PER_S)

enum { CHUNK = 512, HELD_MAX = STREAM_KEPT / 4 };

// Of [ECMA48]: what follows an ESC is one character, or a sequence that ends with one from '@' on, or a
// string that ends with BEL or ESC '\'.
enum skip { SKIP_NOTHING, SKIP_ESCAPE, SKIP_SEQUENCE, SKIP_STRING };

static bool is_waiting(const struct terminal *t, uint32_t stream)
{
    return stream != STREAM_NONE && stream_waiting(&t->source[stream]);
}

// Each in its turn, but for the owner.
static uint32_t next_waiting(const struct terminal *t)
{
    uint32_t first = STREAM_NONE;
    for (uint32_t i = 0; i < t->show_count; i++) {
        uint32_t stream = t->shows[i];
        if (stream == t->view->owner || !is_waiting(t, stream))
            continue;
        if (stream > t->turn)
            return stream;
        first = first < stream ? first : stream;
    }
    return first;
}

static uint64_t hold_until(const struct terminal *t)
{
    return earlier(t->view->spoke + ticks_from_ns(SILENT_NS), t->held + ticks_from_ns(HOLD_NS));
}

static uint32_t choose(struct terminal *t, uint64_t now)
{
    uint32_t owner = t->view->owner, other = next_waiting(t);
    uint32_t going_on = is_waiting(t, owner) ? owner : STREAM_NONE;
    t->waits = owner != STREAM_NONE && other != STREAM_NONE;
    if (!t->waits) {
        t->held = 0;
        return going_on != STREAM_NONE ? going_on : other;
    }
    if (!t->held)
        t->held = now;
    bool crowded = going_on == STREAM_NONE && stream_waiting(&t->source[other]) >= HELD_MAX;
    if (now < hold_until(t) && !crowded)
        return going_on;
    t->held = 0;
    t->waits = false;
    return other;
}

// False: something came.
static bool sleep(struct terminal *t)
{
    bool sleeps = true;
    for (uint32_t i = 0; i < t->show_count; i++)
        sleeps = stream_sleep(&t->source[t->shows[i]]) && sleeps;
    return sleeps;
}

// True: the byte belongs to a control sequence.
static bool skip(uint64_t *skips, uint8_t byte)
{
    enum skip before = (enum skip) * skips;
    switch (before) {
    case SKIP_NOTHING: *skips = byte == 0x1b ? SKIP_ESCAPE : SKIP_NOTHING; break;
    case SKIP_ESCAPE: *skips = byte == '[' ? SKIP_SEQUENCE : byte == ']' ? SKIP_STRING : SKIP_NOTHING; break;
    case SKIP_SEQUENCE: *skips = byte >= '@' ? SKIP_NOTHING : SKIP_SEQUENCE; break;
    case SKIP_STRING: *skips = byte == 0x07 ? SKIP_NOTHING : byte == 0x1b ? SKIP_ESCAPE : SKIP_STRING; break;
    }
    return before != SKIP_NOTHING || *skips != SKIP_NOTHING;
}

static void put_label(struct terminal *t, uint32_t stream)
{
    char label[NAME_BYTES + 4];
    if (stream != STREAM_LOG)
        output_put(t, label, (uint32_t)snprintf(label, sizeof label, "[%s] ", terminal_name(t, stream)));
}

// Up to the end of a line. Returns how many bytes it took.
static uint32_t put_line(struct terminal *t, uint32_t stream, const uint8_t *bytes, uint32_t count)
{
    uint8_t out[CHUNK];
    uint32_t taken = 0, shown = 0;
    bool ends = false;
    while (taken < count && !ends) {
        uint8_t byte = bytes[taken++];
        ends = byte == '\n';
        if (ends || byte == '\r' || skip(&t->stream[stream].skips, byte))
            continue;
        out[shown++] = (byte < 0x20 && byte != '\t') || byte == 0x7f ? '?' : byte;
    }
    if ((shown || ends) && t->view->owner == STREAM_NONE)
        put_label(t, stream);
    output_put(t, out, shown);
    if (shown)
        t->view->owner = stream;
    if (ends) {
        output_put(t, "\r\n", 2);
        t->view->owner = STREAM_NONE;
        t->stream[stream].skips = SKIP_NOTHING;
    }
    return taken;
}

// Where the log may come in between, up to the end of a line.
static uint32_t put_raw(struct terminal *t, uint32_t stream, const uint8_t *bytes, uint32_t count)
{
    const uint8_t *end = t->view->shared ? memchr(bytes, '\n', count) : NULL;
    uint32_t taken = end ? (uint32_t)(end - bytes) + 1 : count;
    output_put(t, bytes, taken);
    t->view->owner = bytes[taken - 1] == '\n' ? STREAM_NONE : stream;
    return taken;
}

static void tell_missed(struct terminal *t, uint32_t stream, uint64_t bytes)
{
    char mark[64];
    output_end_line(t);
    t->stream[stream].skips = SKIP_NOTHING;
    if (stream != t->view->attached)
        put_label(t, stream);
    output_put(
        t, mark,
        (uint32_t)snprintf(mark, sizeof mark, "[... %llu bytes dropped]\r\n", (unsigned long long)bytes));
}

static void show(struct terminal *t, uint32_t stream, uint64_t now)
{
    uint8_t bytes[CHUNK];
    uint32_t count = sizeof bytes;
    struct stream *s = &t->source[stream];
    bool raw = stream == t->view->attached && stream != STREAM_LOG;
    t->turn = t->changed_stream = stream;
    if (t->view->owner != stream)
        output_end_line(t);
    if (stream_read(s, bytes, &count)) {
        s->position += raw ? put_raw(t, stream, bytes, count) : put_line(t, stream, bytes, count);
    } else {
        uint64_t missed = stream_catch_up(s);
        if (missed)
            tell_missed(t, stream, missed);
    }
    t->stream[stream].shown = s->position;
    t->view->spoke = now;
}

bool terminal_show(struct terminal *t, uint64_t now)
{
    t->waits = false;
    if (t->view->keys.state == KEYS_NAME || !output_has_room(t))
        return false;
    uint32_t stream = choose(t, now);
    if (stream == STREAM_NONE && !sleep(t))
        stream = choose(t, now); // what came in between woke nobody
    if (stream != STREAM_NONE)
        show(t, stream, now);
    return stream != STREAM_NONE;
}

uint64_t terminal_show_due(const struct terminal *t)
{
    return t->waits ? hold_until(t) : 0;
}
