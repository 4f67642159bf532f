// The host's 16550 between two byte rings.
// SPDX-License-Identifier: MIT
//
// The rings are all the state: their memory outlives the driver, so a position published is a position
// committed. A character counts as received with the store that publishes it, and as sent with the store that
// gives its room back; each is the next thing done after the port access that cannot be repeated (ports.h).
// So whoever kills the driver exactly there loses one received character or doubles one sent, and nowhere
// else.
#pragma once

#include <stdbool.h>

#include "libipc/ring.h"

struct serial {
    struct ring output; // consumer
    struct ring input;  // producer
    bool stuffed;       // the input ring is full: the rest stays in the device
    bool peer_stirred;  // somebody sleeps on a ring that went on
};

// Is there such a device?
bool serial_is_there(void);

// Takes the device over as it is: whatever is in its FIFOs stays there.
void serial_start(struct serial *s);

// Where there is none: what is to be sent is dropped.
void serial_drop(struct serial *s);

// Serves the device until it wants nothing more, or for a bounded while: then true.
bool serial_serve(struct serial *s);

// Says to both peers that the driver sleeps. False: no, there is something to do.
bool serial_sleeps(struct serial *s);
