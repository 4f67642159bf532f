// What others read of consoles and logs.
// SPDX-License-Identifier: MIT
//
// A look at the streams, with a position of one's own; nothing here is remembered.
#include "libipc/abi/status.h"
#include "servers/common/log_lines.h"
#include "servers/terminal/terminal.h"

static void copy_name(char *to, const uint64_t *words)
{
    memcpy(to, words, NAME_BYTES);
    to[NAME_BYTES - 1] = 0;
}

static uint32_t find_stream(const struct terminal *t, const char *name)
{
    for (uint32_t i = 0; i < STREAMS_MAX; i++)
        if (terminal_has(t, i) && strcmp(name, terminal_name(t, i)) == 0)
            return i;
    return STREAM_NONE;
}

static bool is_log(const struct terminal *t, const char *name)
{
    for (uint32_t i = 0; i < TERMINAL_LOGS_MAX; i++)
        if (t->log[i].use && strcmp(name, t->names->log[i].text) == 0)
            return true;
    return false;
}

// Of the line at the reader's position; 0: there is no whole one. One that was cut off at its beginning, or
// is longer than lines are, ends somewhere, too.
static uint32_t line_at(const struct stream *s, char *line)
{
    uint32_t count = LOG_SHOWN_MAX;
    if (!stream_read(s, line, &count))
        return 0;
    const char *end = memchr(line, '\n', count);
    return end ? (uint32_t)(end - line) + 1 : count == LOG_SHOWN_MAX ? count : 0;
}

static bool is_of(const char *line, uint32_t bytes, const char *name)
{
    size_t length = strlen(name);
    return bytes > length + 2 && line[0] == '[' && memcmp(line + 1, name, length) == 0 &&
           line[length + 1] == ']';
}

// Whole lines; those of one server where there is a name.
static uint32_t read_lines(struct stream *s, const char *name, char *to)
{
    char line[LOG_SHOWN_MAX];
    uint32_t taken = 0;
    for (uint32_t bytes; (bytes = line_at(s, line)); s->position += bytes) {
        if (name && !is_of(line, bytes, name))
            continue;
        if (taken + bytes > TEXT_MAX)
            break;
        memcpy(to + taken, line, bytes);
        taken += bytes;
    }
    return taken;
}

static uint32_t read_bytes(struct stream *s, char *to)
{
    uint32_t count = TEXT_MAX;
    if (!stream_read(s, to, &count))
        return 0; // whoever asks again finds the oldest that is kept then
    s->position += count;
    return count;
}

enum status terminal_read(const struct terminal *t, uint64_t *words, uint32_t *count)
{
    char name[NAME_BYTES], *text = (char *)&words[TEXT_BEGIN];
    copy_name(name, &words[READ_NAME]);
    uint32_t stream = find_stream(t, name);
    bool lines = is_log(t, name);
    if (stream == STREAM_NONE && !lines)
        return STATUS_NOT_FOUND;
    struct stream s = t->source[lines ? STREAM_LOG : stream];
    s.position = words[READ_POSITION];
    (void)stream_catch_up(&s);
    uint32_t bytes = lines                  ? read_lines(&s, name, text)
                     : stream == STREAM_LOG ? read_lines(&s, NULL, text)
                                            : read_bytes(&s, text);
    words[TEXT_NEXT] = s.position;
    words[TEXT_BYTES] = bytes;
    *count = TEXT_BEGIN + (bytes + 7) / 8;
    return STATUS_OK;
}
