// What is wrong with the user's input: one line each, "file:line: what was wrong, what was expected".
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct report {
    FILE *to;         // NULL: nobody is told
    const char *file; // what the lines are about
    unsigned errors;
};

// Line 0: about the file as a whole. Returns false.
__attribute__((format(printf, 3, 4))) bool report_error(struct report *r, unsigned line, const char *format,
                                                        ...);
__attribute__((format(printf, 3, 4))) void report_warning(struct report *r, unsigned line, const char *format,
                                                          ...);
