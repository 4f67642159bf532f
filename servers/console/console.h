// The console: a VM's 16550A, between a stream of what the guest prints and a ring of what is typed.
// SPDX-License-Identifier: MIT
//
// Everything here works on memory alone, the rings included; what peers have to be told is left in `signals`.
// Bytes are put behind the stream's committed position, where nobody sees them; the server commits the new
// positions together with the UART's state, then publishes them. Output never waits: who reads too slowly
// misses what is oldest, and the guest's transmitter is always empty.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/layout.h"
#include "libipc/proto/line.h"
#include "libipc/ring.h"
#include "libipc/stream.h"
#include "servers/console/uart16550.h"

// The section of the state object.
struct console_port {
    struct uart uart;
    uint64_t output; // position in the stream
    uint64_t input;  // of the first byte that the guest hasn't read
};

enum console_signal { SIGNAL_VMM = 1, SIGNAL_TERMINAL = 2 };

struct console {
    struct console_port *port; // in the state object's working copy
    struct line_page *line;
    struct stream output;
    struct ring input;

    uint32_t signals; // enum console_signal: to be sent
    bool changed;     // the port is to be committed
    bool input_idle;  // the terminal will signal when there is input
};

// Opens both at the state's positions, which are committed, and publishes these.
MUST_CHECK bool console_open(struct console *c, void *output, void *input);

// The guest reads or writes `size` registers from `offset` on.
uint64_t console_read(struct console *c, uint32_t offset, uint32_t size);
void console_write(struct console *c, uint32_t offset, uint32_t size, uint64_t value);

// The terminal stirred: moves bytes from the ring into the UART, as far as they go.
void console_stir(struct console *c);

// Makes the committed state visible: positions, the interrupt line.
void console_publish(struct console *c);
