// Memory of one run of the tool.
// SPDX-License-Identifier: MIT
#include "tools/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *b = calloc(1, sizeof *b + bytes);
    if (!b) {
        fputs("bulkhead: out of memory\n", stderr);
        exit(1);
    }
    b->next = a->blocks;
    a->blocks = b;
    return b->bytes;
}

char *arena_text(struct arena *a, const char *text, size_t length)
{
    return memcpy(arena_alloc(a, length + 1), text, length);
}

char *arena_format_list(struct arena *a, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t bytes = n < 0 ? 1 : (size_t)n + 1;
    char *text = arena_alloc(a, bytes);
    vsnprintf(text, bytes, format, arguments);
    return text;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_format_list(a, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}

void *list_add(struct arena *a, struct list *l, size_t bytes)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 8;
        void *items = arena_alloc(a, room * bytes);
        if (l->count)
            memcpy(items, l->items, l->count * bytes);
        l->items = items;
        l->room = room;
    }
    return (char *)l->items + l->count++ * bytes;
}
