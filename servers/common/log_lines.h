// Lines of the servers' logs, as they lie in their rings and as the host's line shows them.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/log.h"
#include "libipc/proto/names.h"
#include "libipc/ring.h"

enum { LOG_SHOWN_MAX = 320 /* name, text, ends of lines */ };

struct log_line {
    uint32_t bytes; // that it takes in its ring
    char text[LOG_LINE_MAX];
};

// The first line behind a consumer's position. An overlong one is cut. False: there is none, or the producer
// is at fault.
bool log_line_first(const struct ring *r, struct log_line *line);

bool log_line_wanted(const struct log_line *line, uint32_t level);

// The line with its name, at most LOG_SHOWN_MAX - 2 bytes; what a terminal might obey is masked. How many.
uint32_t log_line_show(const struct log_line *line, const char *name, char *out);
