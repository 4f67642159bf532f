// The line page: a device's interrupt line and pending vectors, shared with its VM's monitor.
// SPDX-License-Identifier: MIT
//
// The device writes the page, then signals the monitor's notification; it changes the level before it answers
// the register access that caused the change. The monitor reads the page at a signal, at every exit and after
// its own start. A device that starts again raises what its predecessor may not have come to: spurious
// interrupts are allowed, lost ones are not. `changes` grows with every change of `level` so that a pulse
// between two looks is seen. A device with several lines has one such record a line, one behind the other.
#pragma once

#include <stdint.h>

struct line_page {
    uint32_t level;   // 0 or 1
    uint32_t changes; // of level, ever
    uint64_t pending; // MSI-X vectors: the device sets bits, the monitor clears those that it committed
};
