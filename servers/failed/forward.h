// Logs go on to the host's line when the terminal has failed: whole lines, straight from ring to ring.
// SPDX-License-Identifier: MIT
//
// Nothing is committed: the rings' published positions are all that there is, so a death between two of them
// shows a line twice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/terminal.h"
#include "libipc/ring.h"
#include "servers/common/log_lines.h"

struct forward {
    const struct terminal_names *names;
    uint32_t level; // enum log_level: what lies beyond is not shown
    uint8_t *logs;  // the first of the rings; they lie log_stride apart
    uint64_t log_stride;
    struct ring output;
    struct {
        uint64_t use; // of the name that it was opened for
        struct ring ring;
    } log[TERMINAL_LOGS_MAX];
};

// The other fields are set. False: the memory is too small.
MUST_CHECK bool forward_open(struct forward *f, void *output);

// Moves all lines that there is room for. True: who reads the output sleeps and is to be told.
bool forward_lines(struct forward *f);
