// What a guest wants to receive, and the commands that say so: [VIRTIO] 5.1.6.5.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "servers/common/virtq_stream.h"
#include "servers/net/format.h"

enum {
    FILTER_TABLE = 32,
    FILTER_TABLE_BYTES = 64 << 10, // of a command: who says more is at fault
    FILTER_VLANS = 4096
};

// A part of the state.
struct filter {
    uint8_t modes; // a bit an enum nic_command of NIC_CLASS_RECEIVE
    uint8_t address[NET_ADDRESS];
    bool vlans_count; // frames with a tag are looked at
    struct filter_table {
        uint16_t count;
        bool all; // more were wanted than there is room for
        uint8_t address[FILTER_TABLE][NET_ADDRESS];
    } singles, groups;
    uint64_t vlans[FILTER_VLANS / 64];
};

// As after a reset: everything is received.
void filter_reset(struct filter *f, const uint8_t *address);

// Does the guest want the frame that begins so?
bool filter_wants(const struct filter *f, const uint8_t *frame);

// Carries out a command of the classes RECEIVE, ADDRESS, VLAN, whose data are read. A class whose feature was
// not agreed on is an error, as is what is malformed; then nothing changes.
enum nic_answer filter_command(struct filter *f, uint64_t features, enum nic_class class, uint8_t command,
                               struct virtq_stream *data);
