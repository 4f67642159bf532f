// The log: one line a call, with a level.
// SPDX-License-Identifier: MIT
//
// Lines are formatted on the stack; no heap. A line too long for the buffer is cut. Until log_use_ring()
// they go to the kernel's debug output, then into the ring from which the console prints them; a line that
// finds no room there is counted, and the next one that does is preceded by the count.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

#define LOG_LINE_MAX 256u // bytes, newline and prefix included

// A line in the ring: LOG_LEVEL_MARK + level, text, newline.
#define LOG_LEVEL_MARK '0'

extern enum log_level log_level; // lines beyond it are dropped; LOG_INFO at the start

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   (log_level >= LOG_DEBUG ? log_line(LOG_DEBUG, __VA_ARGS__) : (void)0)

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

// Of the same again and again: the first have a line each, then every power of two, so that it fills no log.
static inline bool log_is_told(uint64_t count)
{
    return count <= 8 || !(count & (count - 1));
}

// Logs an error and ends the process: a server may die with a reason, because it is started again.
__attribute__((format(printf, 1, 2))) _Noreturn void die(const char *format, ...);

// A line as it is, with its newline, of at most LOG_LINE_MAX bytes, to the kernel's debug output.
void log_raw(const char *line, size_t bytes);

// From now on lines go into the ring at MAP_LOG, behind what is in it, and the console's notification in slot
// `signal` (of servers: SLOT_LOG_SIGNAL) tells it. A program without that capability has no ring, and this
// has no effect.
void log_use_ring(uint32_t signal);

// Raw text of several lines or parts of them, as from stdio; complete lines go out.
void log_text(const char *text, size_t bytes);
