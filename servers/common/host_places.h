// Where a virtio function of the host has its registers.
// SPDX-License-Identifier: MIT
//
// [VIRTIO] 4.1.4: capabilities in configuration space say so, by BAR, offset and length. The driver has one
// BAR; all that it uses must lie in there. Pure.
#pragma once

#include <stdint.h>

// Offsets in the BAR.
struct host_places {
    uint32_t common, isr, config;
    uint32_t notify, notify_bytes, notify_step; // a queue's: its number of steps from there
};

// config: 32 bits of configuration space. config_bytes: of the device's own configuration that are needed.
// NULL, or what is not there.
const char *host_find_places(uint32_t (*config)(uint32_t offset), uint32_t bar, uint32_t bar_bytes,
                             uint32_t config_bytes, struct host_places *to);
