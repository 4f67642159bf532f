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
void console_write(const char *text, size_t length); // silent after console_release()
void console_flush(void); // waits until the last byte has left the port, whoever wrote it

// For panic(): takes the port back from whoever has it; writes whatever lock is held.
void console_seize(void);
void console_write_unlocked(const char *text, size_t length);

// One line, a backtrace along the frame pointers, then the machine stops; with `exit-on-panic` on the command
// line QEMU's isa-debug-exit ends it. Other CPUs get an NMI, whose handler has to stop when `panicked` is
// set.
#define DEBUG_EXIT_PORT 0xf4
#define PANIC_STATUS    0x7f // QEMU's exit status becomes 255
extern _Atomic bool panicked;
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#define kassert(condition)                                                                                   \
    ((condition) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
