// Logs go on to the host's line when the console has failed: whole lines, straight from ring to ring.
// SPDX-License-Identifier: MIT
//
// Nothing is committed: the rings' published positions are all that there is, so a death between two of them
// shows a line twice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/ring.h"
#include "servers/common/log_lines.h"

struct forward {
    const struct log_names *names;
    struct ring output;
    struct ring log[CONSOLE_LOGS_MAX];
};

// log_rings: the first of them; they lie log_stride apart. False: the memory is too small.
MUST_CHECK bool forward_open(struct forward *f, const struct log_names *names, void *output,
                             uint8_t *log_rings, uint64_t log_stride);

// Moves all lines that there is room for. True: who reads the output sleeps and is to be told.
bool forward_lines(struct forward *f);
