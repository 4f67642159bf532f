// Bytes of a stream become lines.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES ((size_t)16 << 20) // what is longer is dropped, up to its newline

struct lines {
    char *bytes;
    size_t used, room, taken;
    bool dropping; // the rest of a line that was too long
};

// Where `*room` more bytes may be put; then lines_added() says how many were. NULL: no memory.
char *lines_room(struct lines *l, size_t *room);
void lines_added(struct lines *l, size_t count);

// The next whole line, NUL-terminated and without its newline; valid until lines_room(). NULL: there is none
// yet.
const char *lines_next(struct lines *l, size_t *length);

void lines_free(struct lines *l);
