// One counter of an Intel 8254
// SPDX-License-Identifier: MIT
//
// Nothing here ticks. The counter remembers at which clock it was loaded and with what; its value, its output
// and the number of rising edges in any span of time follow by arithmetic. Clocks are numbered from guest
// time zero. A write between clocks t and t+1 is seen by the chip at clock t+1.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pit_counter {
    uint64_t origin;  // clock at which the sequence began; while paused: clocks counted so far
    uint64_t load_at; // clock at which `reload` becomes the count, CLOCK_NEVER: no load is due
    uint64_t seen;    // clock up to which edges are counted
    uint64_t edges;   // rising edges of OUT that nobody has taken yet
    uint32_t count;   // initial count of the sequence, 1 to 65536
    uint16_t reload;  // count register: what the guest wrote
    uint16_t residue; // value shown while no sequence runs
    uint16_t latch;
    uint8_t control;  // access, mode, BCD: bits 5 to 0 of the control word
    uint8_t low_byte; // first half of a count whose second half is awaited
    uint8_t status;   // latched status
    bool gate;        // level of the GATE input
    bool armed;       // a count was written since the control word
    bool loaded;      // a sequence runs or is paused
    bool paused;      // by the gate
    bool null_count;  // the count register is newer than the count
    bool write_high;  // the next write is the second byte
    bool read_high;   // the next read is the second byte
    bool count_latched;
    bool status_latched;
    uint8_t reserved;
};
_Static_assert(sizeof(struct pit_counter) == 56, "the next incarnation reads this layout");

void pit_counter_reset(struct pit_counter *c, bool gate, uint64_t clock);

// Counts edges up to `clock` and performs a load that was due. All calls below do it themselves.
void pit_counter_advance(struct pit_counter *c, uint64_t clock);

// `control`: bits 5 to 0 of a control word that programs this counter.
void pit_counter_program(struct pit_counter *c, uint8_t control, uint64_t clock);
void pit_counter_latch(struct pit_counter *c, bool count, bool status, uint64_t clock);
void pit_counter_write(struct pit_counter *c, uint8_t value, uint64_t clock);
uint8_t pit_counter_read(struct pit_counter *c, uint64_t clock);
void pit_counter_gate(struct pit_counter *c, bool level, uint64_t clock);

// Level of OUT; `clock` not before the last call.
bool pit_counter_out(struct pit_counter *c, uint64_t clock);

// Clock of the first rising edge that has not been taken, CLOCK_NEVER: none without another access.
uint64_t pit_counter_next_edge(const struct pit_counter *c);
