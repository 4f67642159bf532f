// What a guest's console driver and its device say to each other: [VIRTIO] 5.3.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

enum { PORTS_ID = 3, PORTS_F_MULTIPORT = 1 << 1 };

// 5.3.2: the two of port 0 come first, then these, then two a port.
enum { PORTS_CONTROL_RECEIVE = 2, PORTS_CONTROL_TRANSMIT = 3, PORTS_QUEUES = 4 };

// 5.3.4
struct ports_config {
    uint16_t columns, rows;
    uint32_t ports;
    uint32_t emergency;
};

// 5.3.6.2
struct ports_message {
    uint32_t port;
    uint16_t event, value;
};
enum ports_event {
    PORTS_DEVICE_READY,
    PORTS_ADD,
    PORTS_REMOVE,
    PORTS_READY,
    PORTS_CONSOLE,
    PORTS_RESIZE,
    PORTS_OPEN,
    PORTS_NAME, // the name follows, without a NUL
    PORTS_EVENTS
};
