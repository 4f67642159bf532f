// What a machine without a terminal says until its VMs run.
// SPDX-License-Identifier: MIT
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/control/lines.h"

struct boot_progress {
    const char *name, *path; // of the machine
    int line;                // its first serial line; -1: not connected
    int lock;                // of the line
    struct lines in;
    uint64_t next; // deadline: when to ask its control, or not to wait for silence any longer
    json_t *vms;   // what its control said; NULL: nothing yet
    bool done;     // it said so, the line has fallen silent, and it is left to others
};

// Prints what has come, on standard error; takes a moment.
void boot_progress_step(struct boot_progress *p);
void boot_progress_end(struct boot_progress *p);
