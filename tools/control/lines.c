// Bytes of a stream become lines.
// SPDX-License-Identifier: MIT
#include "tools/control/lines.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 << 10 };

char *lines_room(struct lines *l, size_t *room)
{
    if (l->used)
        memmove(l->bytes, l->bytes + l->taken, l->used - l->taken);
    l->used -= l->taken;
    l->taken = 0;
    if (l->used >= LINE_MAX_BYTES) {
        l->used = 0;
        l->dropping = true;
    }
    if (l->room - l->used < CHUNK) {
        char *more = realloc(l->bytes, 2 * l->room + CHUNK);
        if (!more)
            return NULL;
        l->bytes = more;
        l->room = 2 * l->room + CHUNK;
    }
    *room = CHUNK;
    return l->bytes + l->used;
}

void lines_added(struct lines *l, size_t count)
{
    l->used += count;
}

const char *lines_next(struct lines *l, size_t *length)
{
    for (;;) {
        char *line = l->bytes + l->taken, *end;
        if (l->taken == l->used || !(end = memchr(line, '\n', l->used - l->taken)))
            return NULL;
        l->taken = (size_t)(end + 1 - l->bytes);
        *end = 0;
        if (!l->dropping) {
            *length = (size_t)(end - line);
            return line;
        }
        l->dropping = false;
    }
}

void lines_free(struct lines *l)
{
    free(l->bytes);
    *l = (struct lines){0};
}
