// A client of a machine's control line.
// SPDX-License-Identifier: MIT
//
// The line has one client at a time. Those of this command wait for each other by a lock in the machine's
// folder; a machine that does not answer, or dies, is an outcome and never a hang.
#pragma once

#include <jansson.h>

#include "tools/command/command.h"
#include "tools/control/lines.h"

struct control {
    struct report report; // its file is the machine's name
    const char *path;     // of the machine's folder
    int fd, lock;
    struct lines in;
    unsigned patience_ms;
    unsigned commands;
    unsigned random; // makes the ids of this client its own
};

// Milliseconds that an answer is waited for.
unsigned control_patience(const struct invocation *v);

// Whatever is not DONE was reported.
enum outcome control_open(struct control *c, struct invocation *v);
enum outcome control_open_run(struct control *c, const struct report *report, const char *name,
                              const char *path, unsigned patience_ms);
void control_close(struct control *c);

// Executes a command; the arguments, which may be NULL, are taken over. Returns what it gave, the caller's;
// NULL: *o says why not, and it was reported.
json_t *control_execute(struct control *c, const char *command, json_t *arguments, enum outcome *o);

// Opens, executes one command, closes.
json_t *control_ask(struct invocation *v, const char *command, json_t *arguments, enum outcome *o);
