// YAML into C structures by a schema, with the line of every value.
// SPDX-License-Identifier: MIT
//
// A table of keys a mapping. It is done on libyaml's document tree and not by libcyaml, because every later
// check, too, has to name the line of what it complains of, and libcyaml forgets the lines.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/arena.h"
#include "tools/report.h"

// A value as the configuration gives it.
struct value {
    unsigned line; // 0: not given, the rest is the default
    const char *text;
    uint64_t number; // sizes in bytes, times in nanoseconds, truth as 0 and 1, choices as index
};

enum schema_kind {
    SCHEMA_TEXT,   // struct value
    SCHEMA_NAME,   // struct value: of a thing, see schema_name_ok()
    SCHEMA_NUMBER, // struct value, like all up to SCHEMA_CHOICE
    SCHEMA_SIZE,   // with a unit: 64K, 256M, 4G
    SCHEMA_TIME,   // with a unit: 10us, 5ms, 2s
    SCHEMA_BOOL,
    SCHEMA_CHOICE,
    SCHEMA_MAPPING, // a structure described by `sub`; its first member is `unsigned line`
    SCHEMA_LIST,    // struct list of such structures
    SCHEMA_NAMES,   // struct list of struct value, each a SCHEMA_NAME
};

struct schema {
    const char *key;
    size_t offset;
    enum schema_kind kind;
    bool required;
    uint64_t least, most; // of numbers; most 0: any
    uint64_t otherwise;   // the number when the key is not there
    const char *text;     // the text when the key is not there
    const char *const *choices;
    const struct schema *sub; // ended by a row without key
    size_t item_bytes;        // of a list's items
    const char *item;         // what a list's item, or a mapping, is called
};

// Reads a file. False: something was reported.
bool schema_read(struct arena *a, struct report *r, const char *path, const struct schema *root, void *to);

// Lower-case letters, digits and '-', beginning with a letter, up to 15.
#define SCHEMA_NAME_MAX 15u
bool schema_name_ok(const char *name);
