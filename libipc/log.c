// The log.
// SPDX-License-Identifier: MIT
#include "libipc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libipc/lock.h"
#include "libipc/proto/layout.h"
#include "libipc/ring.h"
#include "libipc/start.h"
#include "libipc/syscall.h"

enum log_level log_level = LOG_INFO;

// The kernel takes the text from the UTCB's words, which may hold a message that is being handled.
void log_raw(const char *line, size_t bytes)
{
    char *words = (char *)utcb()->words;
    char saved[LOG_LINE_MAX];
    memcpy(saved, words, bytes);
    memcpy(words, line, bytes);
    (void)!sys_log(bytes);
    memcpy(words, saved, bytes);
}

static struct {
    struct lock lock;
    struct ring ring; // no capacity: not in use
    uint64_t lost;    // lines, since one was written
    uint32_t signal;  // slot
} out;

// The signal also tells of what a dead incarnation left behind.
void log_use_ring(uint32_t signal)
{
    void *memory = (void *)MAP_LOG;
    if (sys_signal(signal) != STATUS_OK ||
        !ring_open(&out.ring, memory, RING_PAGES(LOG_RING_BYTES) * 4096, LOG_RING_BYTES, 1,
                   ring_resume_producing(memory, LOG_RING_BYTES))) {
        out.ring.capacity = 0;
        return;
    }
    out.signal = signal;
    if (ring_publish_produced(&out.ring, out.ring.position))
        (void)!sys_signal(signal);
}

// One publication for the line and for what tells of lost ones: who dies in between leaves no part of them.
static void put_ring(const char *line, size_t bytes)
{
    char note[64];
    uint32_t before = 0, room;
    lock_take(&out.lock);
    if (out.lost)
        before = (uint32_t)snprintf(note, sizeof note, "%cwarning: %llu lines of the log are lost\n",
                                    LOG_LEVEL_MARK + LOG_WARNING, (unsigned long long)out.lost);
    if (!ring_room(&out.ring, &room) || room < before + bytes) {
        out.lost++;
    } else {
        out.lost = 0;
        ring_put(&out.ring, out.ring.position, note, before);
        ring_put(&out.ring, out.ring.position + before, line, (uint32_t)bytes);
        if (ring_publish_produced(&out.ring, out.ring.position + before + bytes))
            (void)!sys_signal(out.signal);
    }
    lock_drop(&out.lock);
}

static size_t begin_line(char *line, enum log_level level)
{
    static const char *const mark[] = {
        [LOG_ERROR] = "error: ", [LOG_WARNING] = "warning: ", [LOG_INFO] = "", [LOG_DEBUG] = "debug: "};
    int n = out.ring.capacity ? snprintf(line, LOG_LINE_MAX, "%c%s", LOG_LEVEL_MARK + (int)level, mark[level])
                              : snprintf(line, LOG_LINE_MAX, "[%.32s] %s", program_name, mark[level]);
    return (size_t)n;
}

static void end_line(char *line, size_t bytes)
{
    line[bytes] = '\n';
    if (out.ring.capacity)
        put_ring(line, bytes + 1);
    else
        log_raw(line, bytes + 1);
}

static void log_list(enum log_level level, const char *format, va_list arguments)
{
    char line[LOG_LINE_MAX];
    size_t at = begin_line(line, level);
    int n = vsnprintf(line + at, sizeof line - at, format, arguments);
    size_t room = sizeof line - at - 1; // the newline takes the place of the final zero
    end_line(line, at + (n < 0 ? 0 : (size_t)n < room ? (size_t)n : room));
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_level)
        return;
    va_list arguments;
    va_start(arguments, format);
    log_list(level, format, arguments);
    va_end(arguments);
}

_Noreturn void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_list(LOG_ERROR, format, arguments);
    va_end(arguments);
    _exit(1);
}

void log_text(const char *text, size_t bytes)
{
    static struct lock lock;
    static char line[LOG_LINE_MAX];
    static size_t at;
    lock_take(&lock);
    for (size_t i = 0; i < bytes; i++) {
        if (at == 0)
            at = begin_line(line, LOG_INFO);
        if (text[i] != '\n')
            line[at++] = text[i];
        if (text[i] == '\n' || at == sizeof line - 1) {
            end_line(line, at);
            at = 0;
        }
    }
    lock_drop(&lock);
}
