// The test device: what the public suite kvm-unit-tests expects of a machine.
// SPDX-License-Identifier: MIT
//
// A register of four bytes at ports 0xe0 to 0xe3 and again at 0xe8; a cell of memory that no RAM is behind;
// a port for each interrupt line that sets its level; a port that ends the machine with a status. The port
// 0xe4, at which the suite asks for the nested mapping of a page to be dropped, takes every value: a mapping
// that stays is as right as one that comes back.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { TESTDEV_LINES = 24, TESTDEV_MEMORY = 0x10000, TESTDEV_REGISTER = 4 };

struct testdev {
    uint8_t port[TESTDEV_REGISTER];
    uint32_t lines; // levels
    uint32_t off;   // the guest has ended its machine
    uint32_t status;
    uint8_t memory[TESTDEV_MEMORY];
};

struct testdev_access {
    uint64_t route; // enum testdev_route
    uint64_t offset;
    uint64_t value; // of a write
    uint32_t size;
    bool write;
};

// Returns what was read. What a write changed is in *from and *bytes, none: 0.
uint64_t testdev_access(struct testdev *t, const struct testdev_access *a, void **from, uint32_t *bytes);
