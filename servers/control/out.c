// JSON as control says it.
// SPDX-License-Identifier: MIT
#include "servers/control/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "servers/control/utf8.h"

void out_raw(struct out *o, const char *text, size_t bytes)
{
    if (bytes > o->size - o->used) {
        o->full = true;
        return;
    }
    memcpy(o->at + o->used, text, bytes);
    o->used += bytes;
}

void out_format(struct out *o, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    o->full |= n >= (int)sizeof text;
    out_raw(o, text, (size_t)n < sizeof text ? (size_t)n : 0);
}

void out_text(struct out *o, const char *text, size_t bytes)
{
    out_raw(o, "\"", 1);
    for (size_t i = 0, n; i < bytes && !o->full; i += n ? n : 1) {
        uint8_t c = (uint8_t)text[i];
        n = utf8_character((const uint8_t *)text + i, bytes - i);
        if (!n)
            out_raw(o, "\xef\xbf\xbd", 3);
        else if (c == '"' || c == '\\')
            out_raw(o, (const char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            out_raw(o, "\\n", 2);
        else if (c < 0x20 || c == 0x7f)
            out_format(o, "\\u%04x", c);
        else
            out_raw(o, text + i, n);
    }
    out_raw(o, "\"", 1);
}

void out_name(struct out *o, const char *text, size_t size)
{
    out_text(o, text, strnlen(text, size));
}
