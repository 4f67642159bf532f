// Intel 8254 programmable interval timer and the speaker port 0x61
// SPDX-License-Identifier: MIT
//
// Counter 0 drives IRQ 0. The interrupt controller sees rising edges; how many there were since it last asked
// tells the monitor how many ticks it owes the guest, to be given one by one or as one.
#pragma once

#include "servers/vmm/dev/pit_counter.h"
#include "servers/vmm/dev/port_device.h"

#define PIT_HZ UINT64_C(1193182)

struct pit {
    struct pit_counter counter[3];
    uint8_t port61; // bits 0 to 3 as written: gate of counter 2, speaker data, two check enables
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct pit) == 176, "the next incarnation reads this layout");

// All counters idle: mode 0, no count, no interrupt until the guest programs one.
void pit_reset(struct pit *pit, uint64_t now);

struct io_result pit_read(void *state, const struct io_access *io, uint64_t now); // 0x40 to 0x43, bytes
uint32_t pit_write(void *state, const struct io_access *io, uint64_t now);
struct io_result pit_port61_read(void *state, const struct io_access *io, uint64_t now); // 0x61
uint32_t pit_port61_write(void *state, const struct io_access *io, uint64_t now);

// Rising edges of IRQ 0 up to `now` since the last call.
uint64_t pit_take_edges(struct pit *pit, uint64_t now);
// Time of the first edge that was not taken yet, or CLOCK_NEVER.
uint64_t pit_deadline(const struct pit *pit);
