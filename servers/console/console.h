// The console: a VM's 16550A and all logs, on one line of the host.
// SPDX-License-Identifier: MIT
//
// Everything here works on memory alone, rings included; what peers have to be told is left in `signals`.
// Bytes are put behind a ring's committed position, where nobody sees them; the server commits the new
// positions together with the UART's state, then publishes them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/line.h"
#include "libipc/ring.h"
#include "servers/common/log_lines.h"
#include "servers/console/uart16550.h"

// The first section of the state object.
struct console_port {
    struct uart uart;
    uint64_t output;   // position in the output ring
    uint64_t input;    // of the first byte that the guest hasn't read
    uint64_t mid_line; // the output doesn't end with an end of line
};

// The second.
struct console_logs {
    uint64_t position[CONSOLE_LOGS_MAX];
};

enum console_signal { SIGNAL_VMM = 1, SIGNAL_UART = 2 };
enum console_change { CHANGED_PORT = 1, CHANGED_LOG = 2 /* the position of log `changed_log` */ };

struct console {
    struct console_port *port; // in the state object's working copy
    struct console_logs *logs;
    const struct log_names *config;
    struct line_page *line;
    struct ring output, input;
    struct ring log[CONSOLE_LOGS_MAX];

    uint32_t signals;     // enum console_signal: to be sent
    uint32_t changes;     // enum console_change: to be committed
    uint32_t changed_log; // the log whose line was printed last
    bool input_idle;      // the driver will signal when there is input
    bool logs_idle;       // the servers will signal when there are lines
    bool logs_blocked;    // the driver will signal when there is room
    uint64_t spoke;       // TSC tick of the guest's last output
    uint64_t held;        // TSC tick since which lines are held back; 0: none are
};

// Opens the rings at the state's positions, which are committed, and publishes these. `log_rings`: the first
// of them; they lie `log_stride` apart.
MUST_CHECK bool console_open(struct console *c, void *output, void *input, uint8_t *log_rings,
                             uint64_t log_stride);

// The guest reads or writes `size` registers from `offset` on.
uint64_t console_read(struct console *c, uint32_t offset, uint32_t size);
void console_write(struct console *c, uint32_t offset, uint32_t size, uint64_t value, uint64_t now);

// The driver stirred: moves bytes between the UART and the rings, as far as they go.
void console_stir(struct console *c, uint64_t now);

// Makes the committed state visible: positions, the interrupt line.
void console_publish(struct console *c);

// logs.c: puts one line of a log into the output. False: there is none, or it has to wait. To be committed
// after each, because only one log's position is kept in `changed_log`.
bool console_print_log(struct console *c, uint64_t now);

// The TSC tick at which console_print_log() is to be tried again; 0: not before a signal.
uint64_t console_log_due(const struct console *c, uint64_t now);
