// Options of the command: one table for all subcommands, which say by a mask which of them they take.
// SPDX-License-Identifier: MIT
//
// An option means the same wherever it is taken.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option {
    OPTION_HELP, // taken by all
    OPTION_PROGRAMS,
    OPTION_JSON,
    OPTION_RUN,
    OPTION_TIMEOUT,
    OPTION_MACHINE,
    OPTION_MEMORY,
    OPTION_SMP,
    OPTION_HEADLESS,
    OPTION_FORCE,
    OPTION_FOLLOW,
    OPTION_DISK,
    OPTION_REPLACE,
    OPTION_RESTART_EVERY,
    OPTIONS
};

#define OPTION_BIT(o) (1u << (o))

struct option_row {
    const char *name, *letter;  // "--name"; "-n", or NULL
    const char *value;          // what its value is called; NULL: it has none
    const char *const *choices; // of its value, ended by NULL; NULL: any
    uint64_t most;              // its value is a number, 1 to this; 0: it is none
    const char *help;
};
extern const struct option_row option_rows[OPTIONS];

struct option_value {
    const char *text; // NULL: not given; of an option without value: its name
    uint64_t number;
};

struct options {
    struct option_value value[OPTIONS];
};

// What a command line consists of: the options, the words that are none, and what follows `--`.
struct command_line {
    struct options options;
    char **words;
    int count;
    char **rest; // NULL: there was no `--`
    int rest_count;
    char error[160]; // what is wrong with it
};

// Sorts the arguments; words[] has room for count of them. False: line->error says what is wrong.
bool options_parse(struct command_line *line, char **arguments, int count, char **words);

// False: an option was given that is not in the mask; line->error says which.
bool options_within(struct command_line *line, unsigned mask);

// The row of "--name" or "-n", or NULL.
const struct option_row *option_find(const char *name);
