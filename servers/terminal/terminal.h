// The terminal: all consoles and the logs of all servers on the host's line.
// SPDX-License-Identifier: MIT
//
// Everything comes as streams: each console's is produced by its server, that of the log here, out of the
// rings of all servers (logs.c). A stream keeps its last bytes itself, so all that is to be remembered of it
// is how much was shown, and to show it again is to go back. Whoever is not shown, or not fast enough, is
// only behind; what it missed is told.
//
// Everything here works on memory alone, the rings included; what peers have to be told is left in
// `signal_*`. A step changes a few things in the state; the server commits them, then publishes, then does
// the next.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/terminal.h"
#include "libipc/ring.h"
#include "libipc/stream.h"
#include "servers/terminal/keys.h"

enum {
    STREAM_LOG = 0,     // its number
    STREAM_CONSOLE = 1, // + number of the console
    STREAMS_MAX = STREAM_CONSOLE + TERMINAL_CONSOLES_MAX,
    STREAM_NONE = STREAMS_MAX,
    LOG_NONE = TERMINAL_LOGS_MAX
};

// The sections of the state object.
struct terminal_view {
    uint64_t output;   // position in the ring to the driver
    uint64_t input;    // of the first byte from the driver that isn't dealt with
    uint64_t log;      // of the log's stream, to produce at
    uint32_t attached; // the stream that has the line for itself; STREAM_NONE: the overview
    uint32_t shared;   // but for the log, whose lines come between its own
    uint32_t owner;    // the stream that is in the middle of a line; STREAM_NONE: none
    uint32_t reserved;
    uint64_t spoke; // TSC tick of the owner's last output: who dies often still sees that it is silent
    struct keys keys;
};

struct terminal_stream {
    uint64_t use;   // of its name, when it was seen last
    uint64_t shown; // position
    uint64_t input; // position in the ring of a console's input
    uint64_t skips; // enum skip: how far it is in a control sequence that the overview leaves out
};

struct terminal_log {
    uint64_t use, position;
};

struct terminal {
    // In the state object's working copy.
    struct terminal_view *view;
    struct terminal_stream *stream; // [STREAMS_MAX]
    struct terminal_log *log;       // [TERMINAL_LOGS_MAX]

    const struct terminal_names *names;
    uint32_t level; // enum log_level: what lies beyond is not shown
    // Windows: those of logs lie TERMINAL_LOG_STRIDE apart, those of consoles TERMINAL_CONSOLE_STRIDE.
    uint8_t *logs, *consoles;
    struct ring output, input;  // the host's line
    struct stream log_producer; // and, as their reader, at `shown`:
    struct stream source[STREAMS_MAX];
    struct ring typed[STREAMS_MAX]; // of consoles: what is typed for them
    struct ring line[TERMINAL_LOGS_MAX];

    // What the step changed: to be committed, then published.
    bool changed_view;
    bool changed_shows; // what the line shows
    bool fresh;         // the stream or log came just now
    bool looks_again;   // a console came or went while the line had no room
    uint32_t changed_stream, changed_log;
    // To be sent after that.
    bool signal_uart;
    uint64_t signal_consoles; // a bit each

    uint32_t shows[STREAMS_MAX], show_count; // the streams that the line shows, in their order
    uint32_t turn, log_turn;                 // who was the last
    uint64_t held;                           // since when others wait for its end; 0: nobody does
    bool waits;                              // somebody does now
};

#define TERMINAL_LOG_STRIDE     UINT64_C(0x200000)
#define TERMINAL_CONSOLE_STRIDE UINT64_C(0x400000)
#define TERMINAL_CONSOLE_INPUT  UINT64_C(0x200000) // from the one window to the other

// The state before anything was shown: one console is attached, several are an overview.
void terminal_begin(struct terminal *t);
// Opens all that there is at the state's positions, which are committed, and publishes these. What went
// meanwhile leaves the state: all of it is to be committed before terminal_publish().
void terminal_open(struct terminal *t, void *output, void *input, void *log);
void terminal_publish(struct terminal *t);

static inline const char *terminal_name(const struct terminal *t, uint32_t stream)
{
    return stream == STREAM_LOG ? TERMINAL_LOG_NAME : t->names->console[stream - STREAM_CONSOLE].text;
}

static inline bool terminal_has(const struct terminal *t, uint32_t stream)
{
    return stream == STREAM_LOG ||
           (stream < STREAMS_MAX && t->stream[stream].use &&
            t->stream[stream].use == name_use(&t->names->console[stream - STREAM_CONSOLE]));
}

static inline bool terminal_logs(const struct terminal *t, uint32_t log)
{
    return t->log[log].use && t->log[log].use == name_use(&t->names->log[log]);
}

// Is it one of those that the line shows now?
static inline bool terminal_shows(const struct terminal *t, uint32_t stream)
{
    const struct terminal_view *v = t->view;
    return v->attached == STREAM_NONE || stream == v->attached || (v->shared && stream == STREAM_LOG);
}

// Steps, each a bounded piece. False: there is nothing to do, or it has to wait for a signal or a time.
bool terminal_look(struct terminal *t);               // for a console or log that came or went
bool terminal_take_log(struct terminal *t);           // logs.c: one line from its ring into the stream
bool terminal_take_input(struct terminal *t);         // input.c: what was typed
bool terminal_show(struct terminal *t, uint64_t now); // show.c: a piece of a stream
// The TSC tick at which terminal_show() is to be tried again; 0: not before a signal.
uint64_t terminal_show_due(const struct terminal *t);

// output.c: to the host's line, behind what is committed.
enum { OUTPUT_PIECE = 4096 }; // room that a step may need
bool output_has_room(struct terminal *t);
void output_put(struct terminal *t, const void *bytes, uint32_t count);
void output_text(struct terminal *t, const char *text);
void output_end_line(struct terminal *t); // of whoever is in the middle of one

// read.c: LABEL_TERMINAL_READ. `words`: of the message, and then of the answer; *count: how many these are.
enum status terminal_read(const struct terminal *t, uint64_t *words, uint32_t *count);
