// JSON as control says it, into a buffer.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
    char *at;
    size_t size, used;
    bool full; // something did not fit: what is there is of no use
};

void out_raw(struct out *o, const char *text, size_t bytes);
__attribute__((format(printf, 2, 3))) void out_format(struct out *o, const char *format, ...);
// A text in quotes. Bytes that are no UTF-8 become U+FFFD.
void out_text(struct out *o, const char *text, size_t bytes);
void out_name(struct out *o, const char *text, size_t size); // the same, up to a NUL
