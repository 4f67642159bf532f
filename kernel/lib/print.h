// The kernel's voice: formatted lines to the debug output, panic
// SPDX-License-Identifier: MIT
//
// kprintf() goes to COM1, polled, until a driver process owns the port; from console_release() on only
// panic() is heard. Formats: %s %u %x %lu %lx %%.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

void kvformat(void (*put)(char), const char *format, va_list args);
void kvprintf(const char *format, va_list args);
__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);

void console_seize(void); // sets the port up: at the start, and to take it back from whoever has it
void console_release(void);
void console_write(const char *text, size_t length); // silent after console_release()
void console_flush(void); // waits until the last byte has left the port, whoever wrote it

// One line, a backtrace along the frame pointers, then the machine stops; with `exit-on-panic` on the command
// line QEMU's isa-debug-exit ends it. Other CPUs idle and are left to it.
#define DEBUG_EXIT_PORT 0xf4
#define PANIC_STATUS    0x7f // QEMU's exit status becomes 255
extern _Atomic bool panicked;
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#define kassert(condition)                                                                                   \
    ((condition) ? (void)0 : panic("%s:%u: assertion failed: %s", __FILE__, __LINE__, #condition))
