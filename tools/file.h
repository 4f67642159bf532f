// Whole files in memory, and files written in one step.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct file {
    const uint8_t *bytes;
    size_t size;
};

// Maps a file. False: errno says why (EISDIR: not a plain file).
bool file_open(struct file *f, const char *path);
void file_close(struct file *f);
// A number that tells files of different content apart; not one that nobody could imitate.
uint64_t file_sum(const struct file *f);

// A file that appears under its name only when it is complete.
struct new_file {
    FILE *to;
    const char *path;
    char *scratch;
};

bool new_file_open(struct new_file *f, const char *path);
bool new_file_done(struct new_file *f); // false: errno says why, and nothing has appeared
void new_file_drop(struct new_file *f);
