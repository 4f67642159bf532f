// The kernel's voice: formatted lines to the debug output, panic
// SPDX-License-Identifier: MIT
//
// kprintf() goes to COM1, polled, until a driver process owns the port; from console_release() on only
// panic() is heard. Formats: %s %u %x %lu %lx %%.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void kvformat(void (*put)(char), const char *format, va_list args);
void kvprintf(const char *format, va_list args);
__attribute__((format(printf, 1, 2))) void kprintf(const char *format, ...);

void console_seize(void); // sets the port up: at the start, and to take it back from whoever has it
void console_release(void);
void console_write(const char *text, size_t length); // silent after console_release()
void console_flush(void); // waits until the last byte has left the port, whoever wrote it

// Ends QEMU by its isa-debug-exit with status 2v + 1, if the command line has the word that permits it.
void emulator_exit(const char *permission, uint8_t status);

// One line, a backtrace along the frame pointers, then the machine stops, and with `exit-on-panic` the
// emulator ends. Other CPUs idle and are left to it.
extern _Atomic bool panicked;
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

#define kassert(condition)                                                                                   \
    ((condition) ? (void)0 : panic("%s:%u: assertion failed: %s", __FILE__, __LINE__, #condition))
