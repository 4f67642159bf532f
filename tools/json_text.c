// JSON text, written.
// SPDX-License-Identifier: MIT
#include "tools/json_text.h"

#include <stdio.h>
#include <string.h>

// The longest escape is \u00xx.
enum { ESCAPE_MAX = 6 };

const char *json_escape(struct arena *a, const char *text)
{
    char *escaped = arena_alloc(a, strlen(text) * ESCAPE_MAX + 1), *to = escaped;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            to += sprintf(to, "\\%c", c);
        else if (c < ' ')
            to += sprintf(to, "\\u%04x", c);
        else
            *to++ = (char)c;
    }
    *to = 0;
    return escaped;
}
