// A random channel: a page that a VM's rng server and the driver of the host's virtio-rng share.
// SPDX-License-Identifier: MIT
//
// The client (rng server) asks by adding 1 to `asked`, and signals. The driver stores new bytes, then what it
// had read of `asked` in `answered`, and signals. It writes bytes only while the two differ, the client reads
// them only while they are the same; so each client has one request under way, and none can keep another from
// its bytes.
//
// Restarts. A driver that starts again answers what is not answered, with bytes that its device wrote for
// this channel since then. A client that starts again cannot know which bytes its guest has got, so it asks
// anew, whether it was answered or not. So no byte goes out twice, and none to two VMs.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { RANDOM_BYTES = 1024 };

// Where a VM's numbers come from: the key `rng` of its configuration.
enum random_source {
    RANDOM_NONE,
    RANDOM_ANY,    // the processor's, if it has them, else the host's device
    RANDOM_RDRAND, // the processor
    RANDOM_HOST,   // the host's device
};
static const char *const random_source_names[] = {"false", "true", "rdrand", "host", NULL};

struct random_channel {
    // The client's.
    uint64_t asked;
    uint64_t reserved[7];
    // The driver's.
    uint64_t answered; // stored last
    uint32_t bytes;    // of the answer, 1 to RANDOM_BYTES
    uint32_t reserved2[13];
    uint8_t data[RANDOM_BYTES];
};
_Static_assert(sizeof(struct random_channel) == 128 + RANDOM_BYTES, "shared between programs");
