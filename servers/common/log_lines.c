// Lines of the servers' logs.
// SPDX-License-Identifier: MIT
#include "servers/common/log_lines.h"

#include <stdio.h>
#include <string.h>

bool log_line_first(const struct ring *r, struct log_line *line)
{
    uint32_t filled;
    bool good = ring_filled(r, &filled);
    if (!good || !filled)
        return false;
    uint32_t bytes = filled < sizeof line->text ? filled : sizeof line->text;
    ring_get(r, r->position, line->text, bytes);
    const char *end = memchr(line->text, '\n', bytes);
    if (!end && bytes < sizeof line->text)
        return false;
    line->bytes = end ? (uint32_t)(end - line->text) + 1 : bytes;
    return true;
}

bool log_line_wanted(const struct log_line *line, uint32_t level)
{
    return (uint32_t)(line->text[0] - LOG_LEVEL_MARK) <= level;
}

// What the host's terminal is to see of a character that anybody may have written.
static char shown(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

uint32_t log_line_show(const struct log_line *line, const char *name, char *out)
{
    char *to = out + snprintf(out, NAME_BYTES + 4, "[%s] ", name);
    for (uint32_t i = 1; i < line->bytes && line->text[i] != '\n'; i++)
        *to++ = shown(line->text[i]);
    return (uint32_t)(to - out);
}
