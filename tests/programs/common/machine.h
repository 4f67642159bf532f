// A VM with one vCPU for tiny guests, and its monitor's hands.
// SPDX-License-Identifier: MIT
//
// The guest is a flat binary of the boot archive, loaded as tests/guests/guest.h says. machine_go() answers
// the last exit with what m->answer and the UTCB's vCPU state say, and waits for the next; then m->answer is
// plain again: run on, no groups, no event; deadline and offer stay as they are.
#pragma once

#include <stdbool.h>

#include "libipc/syscall.h"

enum guest_mode { GUEST_REAL, GUEST_32, GUEST_64 };

enum { MACHINE_PAGES = 512, MACHINE_FILLED = 320 };

// What else may come instead of an exit: nothing in time, or a missing page where the memory's pager is this
// endpoint.
enum { NO_EXIT = EXIT_KINDS, NO_PAGE };

struct machine {
    uint32_t vm, space, memory, vcpu, endpoint, reply;
    uint8_t *ram;  // guest-physical 0, MACHINE_FILLED pages are there
    uint32_t kind; // of the last exit, NO_EXIT: none came in time
    uint64_t word[EXIT_WORDS];
    struct machine_answer {
        enum vcpu_action action;
        uint64_t groups, event, deadline, offer;
    } answer;
    enum status status; // of the last answer and wait
};

// All objects, the vCPU stopped at its first exit, EXIT_START.
void machine_make(struct machine *m);
// The guest's code into RAM, its state for that mode into the UTCB, as the answer to EXIT_START.
void machine_load(struct machine *m, const char *guest, enum guest_mode mode);
// Both.
void machine_start(struct machine *m, const char *guest, enum guest_mode mode);

// Answers, waits; the kind of the next exit.
uint32_t machine_go(struct machine *m);
// Waits only: after a cancelled exit, a supplied page.
uint32_t machine_wait(struct machine *m);
// Answers only.
enum status machine_answer(struct machine *m);

// The vCPU's state in the UTCB: valid after an exit for the groups that come with it.
static inline struct vcpu_state *machine_state(void)
{
    return &utcb()->vcpu;
}

// The next answer moves RIP on by so many bytes.
void machine_skip(struct machine *m, unsigned bytes);
// Finishes a port access; `value` is what a read gives.
void machine_port(struct machine *m, uint64_t value);
// Goes on, and checks that the guest writes this to PORT_REPORT next; finishes that access with the next
// answer.
bool machine_reports(struct machine *m, uint32_t value);
// The same for another port.
bool machine_writes(struct machine *m, uint16_t port, uint32_t value);
