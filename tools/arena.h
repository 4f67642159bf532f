// Memory of one run of the tool: given out piece by piece, given back at once.
// SPDX-License-Identifier: MIT
//
// Out of memory ends the program: there is nothing that a host tool could do about it.
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena {
    struct arena_block *blocks;
};

void *arena_alloc(struct arena *a, size_t bytes); // zeroed
char *arena_text(struct arena *a, const char *text, size_t length);
__attribute__((format(printf, 2, 3))) char *arena_format(struct arena *a, const char *format, ...);
char *arena_format_list(struct arena *a, const char *format, va_list arguments);
void arena_free(struct arena *a);

// A list that grows: items of one size.
struct list {
    void *items;
    size_t count, room;
};

// A new zeroed item; earlier ones may move.
void *list_add(struct arena *a, struct list *l, size_t bytes);
