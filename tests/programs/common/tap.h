// Test results in TAP, to the kernel's debug output.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "libipc/abi/status.h"

// One result. `where` tells of a failed one what was not true.
__attribute__((format(printf, 3, 4))) void tap_result(bool ok, const char *where, const char *what, ...);

// The same for a status.
__attribute__((format(printf, 4, 5))) void tap_status(enum status got, enum status want, const char *where,
                                                      const char *what, ...);

// A comment line.
__attribute__((format(printf, 1, 2))) void tap_note(const char *format, ...);

// Gives up: the test itself went wrong. Ends the machine.
__attribute__((format(printf, 1, 2))) _Noreturn void tap_bail_out(const char *format, ...);

// The plan; the number of failures.
unsigned tap_end(void);

#define TAP_TEXT_(x)           #x
#define TAP_TEXT(x)            TAP_TEXT_(x)
#define TAP_HERE               __FILE__ ":" TAP_TEXT(__LINE__) ": "
#define CHECK(true_, ...)      tap_result((true_), TAP_HERE #true_, __VA_ARGS__)
#define EXPECT(got, want, ...) tap_status((got), (want), TAP_HERE #got, __VA_ARGS__)
