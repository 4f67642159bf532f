// The line: commands come in by one ring of bytes, answers and events go out by another.
// SPDX-License-Identifier: MIT
//
// The rings are the log. A command stays in its ring until its answer lies complete in the other one; then
// both positions are committed together. Who dies before that carries it out again, under the same number,
// which is its place in the stream. Pure but for ask.h.
#pragma once

#include <stdbool.h>

#include "libipc/proto/layout.h"
#include "libipc/ring.h"

enum { LINE_MAX = 80 << 10, ANSWER_MAX = 128 << 10, ROOM_NEEDED = ANSWER_MAX + 2048 };

// What is committed.
struct session_state {
    uint64_t input, output, events; // positions
    uint32_t agreed;                // `capabilities` was executed
    uint32_t dropping;              // the rest of a line that is too long
};

struct session {
    struct session_state *state;
    struct ring input, output, events;
    uint32_t scanned; // bytes of the line that begins at `input` that hold no newline
    bool signals;     // the driver sleeps on a ring that went on
};

// Opens the rings at the state's positions and publishes these. False: they do not fit.
MUST_CHECK bool session_open(struct session *s, void *input, void *output, void *events);

// Of a new machine: goes on at where the rings are, and greets.
void session_begin(struct session *s);

// One event or one line. The state is to be committed, then session_publish(). False: there is none, or no
// room to answer it; the peers will signal.
bool session_step(struct session *s);
void session_publish(struct session *s);
