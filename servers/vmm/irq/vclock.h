// The guest's time, as every timer model of the monitor is given it
// SPDX-License-Identifier: MIT
//
// A model never asks for the time: it is an argument, read once for each exit, so that one exit
// sees one instant and a test can choose it.
#pragma once

#include <stdint.h>

struct vclock {
    uint64_t ns;  // guest nanoseconds since power-on, monotonic
    uint64_t tsc; // the guest's time-stamp counter at the same instant
};
