// Which of the keys typed at a console are this command's own: Ctrl-] q leaves.
// SPDX-License-Identifier: MIT
//
// Ctrl-] begins the terminal's commands as well, so it is held back until the next key tells whose it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define KEY_ESCAPE '\x1d' // Ctrl-]
#define KEY_LEAVE  'q'

struct keys {
    bool escaped; // the last key was Ctrl-]
};

// Writes what is the machine's to out[], which has room for count + 1; returns how much that is. *leave: the
// user goes; what follows in `in` is dropped.
size_t keys_sort(struct keys *k, const char *in, size_t count, char *out, bool *leave);
