// The kernel's voice: formatted lines to the debug output, panic
// SPDX-License-Identifier: MIT
//
// kprintf() goes to COM1, polled, until a driver process owns the port; from console_release() on only
// panic() is heard. Formats: %s %c %d %i %u %x %p %% with the lengths l, ll and z, a width, and the flags 0
// and -.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

// Writes at most size bytes with the final NUL (size > 0); returns the length that the whole text has.
size_t kvformat(char *buffer, size_t size, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) size_t kformat(char *buffer, size_t size, const char *format, ...);

__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);

void console_init(void);
void console_release(void);
void console_write(const char *text, size_t length); // raw bytes, silent after console_release()

// One line, a backtrace, then the machine stops (with `exit-on-panic` on the command line: QEMU ends). Never
// returns.
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#define kassert(condition)                                                                                   \
    ((condition) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
