// The machines that run: a folder each.
// SPDX-License-Identifier: MIT
//
// build/run/NAME (or $BULKHEAD_RUNS/NAME) has the sockets of its serial lines, its boot archive, and the lock
// that `bulkhead run` and every process of the emulator hold. Whose lock nobody holds is left over from a
// machine that was killed, and is nobody's any more.
#pragma once

#include <jansson.h>

#include "tools/command/command.h"

// Files of the folder.
#define MACHINE_LOCK         "lock"
#define MACHINE_ABOUT        "about"   // JSON: {"config", "machine", "pid", "headless"}
#define MACHINE_CONTROL      "control" // socket: the second serial line
#define MACHINE_LINE         "line"    // socket: the first one, of a machine without a terminal
#define MACHINE_CONTROL_LOCK "control.lock"
#define MACHINE_LINE_LOCK    "line.lock"
#define MACHINE_ARCHIVE      "archive.cpio"

// The one that is meant: --run, or the only one, which is the one that is meant from then on. Whatever is not
// DONE was reported.
enum outcome machine_find(struct invocation *v, const char **name, const char **path);

// Makes the folder of a new one and takes its lock, which a child inherits. False: it was reported.
bool machine_claim(struct invocation *v, const char *name, const char **path, int *lock);
void machine_release(const char *path, int lock);

// A file of the folder; -1: errno says why.
int machine_open(const char *path, const char *file, int flags);
// A connection to one of its sockets, however long the path is; -1: errno says why.
int machine_connect(const char *path, const char *file);
json_t *machine_about(const char *path); // the caller's; NULL: there is none
bool machine_alive(const char *path);
