// JSON as it is printed: a list of objects as a table for people, or the text itself.
// SPDX-License-Identifier: MIT
#include "tools/columns.h"

#include <string.h>

enum { CELL = 64, COLUMNS = 16, SMALL_KIB = 10240 };

static void kib_text(char text[static CELL], json_int_t kib)
{
    if (kib < SMALL_KIB)
        snprintf(text, CELL, "%lld KiB", (long long)kib);
    else
        snprintf(text, CELL, "%lld MiB", (long long)kib / 1024);
}

void column_text(char text[static 64], const json_t *value, enum column_kind kind)
{
    json_int_t n = json_integer_value(value);
    if (!value || json_is_null(value))
        snprintf(text, CELL, "-");
    else if (json_is_string(value))
        snprintf(text, CELL, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(text, CELL, "%s", json_is_true(value) ? "yes" : "no");
    else if (kind == COLUMN_SECONDS)
        snprintf(text, CELL, "%lld.%03lld s", (long long)n / 1000000000, (long long)n / 1000000 % 1000);
    else if (kind == COLUMN_ADDRESS)
        snprintf(text, CELL, "%#llx", (long long)n);
    else if (kind == COLUMN_KIB || kind == COLUMN_BYTES)
        kib_text(text, kind == COLUMN_KIB ? n : n / 1024);
    else
        snprintf(text, CELL, "%lld", (long long)n);
}

static size_t width_of(const struct column *c, const json_t *list)
{
    size_t width = strlen(c->title), i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        char text[CELL];
        column_text(text, json_object_get(item, c->key), c->kind);
        width = strlen(text) > width ? strlen(text) : width;
    }
    return width;
}

// The last column is not padded.
static void put(FILE *to, const struct column *c, const char *text, size_t width)
{
    int pad = c->kind == COLUMN_TEXT ? (c[1].title ? -(int)width : 0) : (int)width;
    fprintf(to, "%*s%s", pad, text, c[1].title ? "  " : "\n");
}

void columns_print(FILE *to, const struct column *columns, const json_t *list)
{
    size_t width[COLUMNS] = {0}, i;
    json_t *item;
    for (i = 0; columns[i].title && i < COLUMNS; i++) {
        width[i] = width_of(&columns[i], list);
        put(to, &columns[i], columns[i].title, width[i]);
    }
    json_array_foreach(list, i, item) for (size_t j = 0; columns[j].title && j < COLUMNS; j++)
    {
        char text[CELL];
        column_text(text, json_object_get(item, columns[j].key), columns[j].kind);
        put(to, &columns[j], text, width[j]);
    }
}

void json_write(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}
