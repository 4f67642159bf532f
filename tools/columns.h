// JSON as it is printed: a list of objects as a table for people, or the text itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <jansson.h>
#include <stdio.h>

enum column_kind {
    COLUMN_TEXT, // to the left; all others to the right
    COLUMN_NUMBER,
    COLUMN_ADDRESS,
    COLUMN_SECONDS, // of nanoseconds
    COLUMN_KIB,
    COLUMN_BYTES,
};

struct column {
    const char *title, *key;
    enum column_kind kind;
};

// A cell as text; what is missing or null is "-".
void column_text(char text[static 64], const json_t *value, enum column_kind kind);

// columns: ended by a row without title. A list without items gives the titles alone.
void columns_print(FILE *to, const struct column *columns, const json_t *list);

// JSON as it is, indented, on standard output.
void json_write(const json_t *json);
