// The virtual network switch: frames from the rings of ports into those of others.
// SPDX-License-Identifier: MIT
//
// A port is there when its entry in the table of names is in use. What it sends is hostile: of each frame the
// first cell is copied, checked, and handed on as the copy; the rest is copied unseen.
//
// switch_serve() works ahead of what the state says; the caller commits switch_changed(), then calls
// switch_publish(), which makes it visible. So each frame is moved once, whenever the server dies. What was
// heard of addresses is not kept: it is heard again.
//
// No system calls here: whom to signal is left in `signals`, and the time is given.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/proto/names.h"
#include "libipc/proto/net.h"
#include "servers/switch/addresses.h"
#include "servers/switch/rules.h"

// What survives, of each port.
struct switch_state {
    uint64_t use;   // of its name; 0: there is no port
    uint64_t taken; // in the ring from it
    uint64_t given; // in the ring to it
    struct bucket frames, bytes;
};
_Static_assert(sizeof(struct switch_state) == 56, "part of the switch's state");

struct switch_port {
    struct rules rules;
    struct net_port *shared;
    struct ring from, to; // as the switch sees them
    uint64_t *count;      // enum net_counter
    uint64_t peers;       // a bit a port: whom its frames may reach
    bool open;
};

struct switch_server {
    // To be filled in first.
    const struct name_entry *names;
    struct switch_state *state; // of NET_PORTS_MAX ports
    struct net_counts *counts;
    uint64_t hz; // ticks a second
    // Memory of a port, and the text of its rules.
    void *(*memory)(uint32_t port);
    const char *(*rules)(uint32_t port);
    // The switch's own.
    struct addresses addresses;
    struct switch_port port[NET_PORTS_MAX];
    uint64_t changed; // a bit a port: to be committed and published
    uint64_t signals; // a bit a port: its server is to be told
    uint64_t second;  // hz ticks each, the clock of addresses
};

// At each start: opens all ports where the state says. Everything that the dead one may have owed is said
// again. All ports are to be served then.
void switch_open(struct switch_server *s, uint64_t now);

// Takes up to `most` frames of a port. True: there may be more.
bool switch_serve(struct switch_server *s, uint32_t port, uint32_t most, uint64_t now);

// What is to be committed: a part of the state; bytes 0: nothing.
const struct switch_state *switch_changed(const struct switch_server *s, uint32_t *bytes);

// Makes what is committed visible.
void switch_publish(struct switch_server *s);

// Says that the switch sleeps until the port sends something. False: it has, serve it.
bool switch_sleeps(struct switch_server *s, uint32_t port);
