// Lines of the servers' logs, as they lie in their rings and as the host's line shows them.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/json.h"
#include "libipc/log.h"
#include "libipc/proto/layout.h"
#include "libipc/ring.h"

enum { LOG_NAME_MAX = 32, LOG_SHOWN_MAX = 320 /* name, text, ends of lines */ };

// Whose logs there are, in the order of their rings.
struct log_names {
    uint32_t level; // enum log_level: what lies beyond is not shown
    uint32_t logs;
    char name[CONSOLE_LOGS_MAX][LOG_NAME_MAX];
};

// Reads the array `names` into the table. False: j->error says why.
bool log_names_read(struct json *j, struct json_node names, struct log_names *to);

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
