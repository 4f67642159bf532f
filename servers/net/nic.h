// A network card of a VM: a virtio device between its guest and a port of the switch.
// SPDX-License-Identifier: MIT
//
// A stream of requests that must not run twice: how far each queue is is committed together with the places
// in the port's rings (virtio_kind.commits), so between guest and switch no frame is lost or doubled when the
// server dies. docs/switch.md.
//
// Sending: a frame goes from the guest's buffers into the ring while there is room, else it stays in the
// guest's queue. Receiving: it goes from the ring into as many buffers as it takes; if these do not suffice
// it stays in the ring. While there is no driver, what comes is dropped.
//
// A guest that sends one frame soon after another is looked at now and then (`polls`), and need not ring for
// each; that frames were sent it mostly sees when it sends or receives the next, so interrupts for it wait,
// too.
//
// No system calls here: that the switch has to be told is left in `signal`.
#pragma once

#include "servers/common/virtio.h"
#include "servers/net/filter.h"

// The device's own section of the state object.
struct nic_state {
    uint64_t sent, received; // places in the rings: these are what changes often
    struct filter filter;
    uint32_t announced; // struct net_port's `forgets` as the guest knows of it
    uint32_t reserved;
};
enum { NIC_STATE_OFTEN = offsetof(struct nic_state, filter) };

struct nic {
    struct virtio_kind kind;
    struct nic_config config;
    uint8_t address[NET_ADDRESS]; // that it was made with
    struct nic_state *state;
    const struct net_port *port;
    struct ring to, from; // the switch
    bool signal;          // the switch is to be told
    // Ticks: frames that come so soon after one are the first of many; until when the others may wait.
    uint64_t soon, wait;
    uint64_t (*clock)(void);
    uint64_t served; // when the guest rang last to send
    uint64_t owes;   // since when an interrupt is owed for what was sent; 0: none is
    uint64_t due;    // when nic_due() is to be called; 0: never
    bool polls;
    bool waits; // for room in the ring to the switch
    struct {
        uint64_t *sent_frames, *sent_bytes, *received_frames, *received_bytes;
    } count;
};

// `address`, `soon`, `wait` and `clock` being there: what the virtio layer is to know.
void nic_prepare(struct nic *n, struct virtio *v);
// Opens the port's rings where the state, which is there, says. fresh: it says nothing.
void nic_open(struct nic *n, struct virtio *v, void *port, bool fresh);
// To be called at a signal of the switch, and at each start.
void nic_stir(struct nic *n, struct virtio *v);
// At the tick `due`.
void nic_due(struct nic *n, struct virtio *v);
// Makes the committed places visible.
void nic_publish(struct nic *n);
