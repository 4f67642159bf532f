// The instructions that the emulator executes: one row each.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct emu_run;

enum action_flag {
    ACTION_LATE = 1 << 0,   // the handler resolves memory operands itself
    ACTION_STRING = 1 << 1, // tells movsd of strings from movsd of vectors
    ACTION_FAR = 1 << 2,    // tells far jumps from near ones
    ACTION_KIND = ACTION_STRING | ACTION_FAR,
};

struct action {
    uint16_t mnemonic; // ZydisMnemonic
    uint8_t argument;
    uint8_t flags; // enum action_flag
    // False: stopped; run->result says why.
    bool (*execute)(struct emu_run *run, unsigned argument);
};

// kind: of ACTION_KIND. NULL: not executed.
const struct action *action_find(uint16_t mnemonic, uint8_t kind);
