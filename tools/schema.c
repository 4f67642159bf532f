// YAML into C structures by a schema.
// SPDX-License-Identifier: MIT
#include "tools/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    struct arena *arena;
    struct report *report;
    yaml_document_t *document;
};

static unsigned line_of(const yaml_node_t *node)
{
    return (unsigned)node->start_mark.line + 1;
}

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

bool schema_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n && n <= SCHEMA_NAME_MAX && !name[n] && name[0] >= 'a' && name[0] <= 'z';
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}, {NULL, 0}};
static const struct unit time_units[] = {
    {"us", 1000ull}, {"ms", 1000000ull}, {"s", 1000000000ull}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool parse_number(const char *text, const struct unit *units, uint64_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno)
        return false;
    for (const struct unit *u = units; u->name; u++)
        if (strcmp(end, u->name) == 0)
            return !__builtin_mul_overflow(*number, u->factor, number);
    return false;
}

static bool parse_bool(const char *text, uint64_t *number)
{
    *number = strcmp(text, "true") == 0;
    return *number || strcmp(text, "false") == 0;
}

static bool parse_choice(const char *text, const char *const *choices, uint64_t *number)
{
    for (*number = 0; choices[*number]; ++*number)
        if (strcmp(text, choices[*number]) == 0)
            return true;
    return false;
}

static bool parse(const struct schema *s, const char *text, uint64_t *number)
{
    switch (s->kind) {
    case SCHEMA_TEXT: return true;
    case SCHEMA_NAME:
    case SCHEMA_NAMES: return schema_name_ok(text);
    case SCHEMA_NUMBER: return parse_number(text, no_units, number);
    case SCHEMA_SIZE: return parse_number(text, size_units, number);
    case SCHEMA_TIME: return parse_number(text, time_units, number);
    case SCHEMA_BOOL: return parse_bool(text, number);
    case SCHEMA_CHOICE: return parse_choice(text, s->choices, number);
    default: return false;
    }
}

// What a value of this kind looks like, for messages.
static const char *expected(struct arena *a, const struct schema *s)
{
    static const char *const plain[] = {
        [SCHEMA_TEXT] = "a text",
        [SCHEMA_NAME] = "a name of up to 15 lower-case letters, digits and '-', beginning with a letter",
        [SCHEMA_NUMBER] = "a whole number",
        [SCHEMA_SIZE] = "a size with a unit, such as 64K, 256M or 4G",
        [SCHEMA_TIME] = "a time with a unit, such as 100us, 20ms or 5s",
        [SCHEMA_BOOL] = "true or false",
        [SCHEMA_MAPPING] = "keys with values, indented",
        [SCHEMA_LIST] = "a list, each item beginning with '- '",
        [SCHEMA_NAMES] = "a list of names, each of up to 15 lower-case letters, digits and '-'",
    };
    if (s->kind != SCHEMA_CHOICE)
        return plain[s->kind];
    const char *text = "one of";
    for (size_t i = 0; s->choices[i]; i++)
        text = arena_format(a, "%s%s %s", text, i ? "," : "", s->choices[i]);
    return text;
}

static const char *keys_of(struct arena *a, const struct schema *table)
{
    const char *text = "";
    for (const struct schema *s = table; s->key; s++)
        text = arena_format(a, "%s%s%s", text, s == table ? "" : ", ", s->key);
    return text;
}

// A limit as one would write it: in the largest unit that divides it.
static const char *with_unit(struct arena *a, enum schema_kind kind, uint64_t number)
{
    const struct unit *units = kind == SCHEMA_SIZE ? size_units : kind == SCHEMA_TIME ? time_units : no_units;
    const struct unit *best = NULL;
    for (const struct unit *u = units; u->name; u++)
        best = number % u->factor ? best : u;
    return arena_format(a, "%llu%s", (unsigned long long)(best ? number / best->factor : number),
                        best ? best->name : "");
}

static void read_value(const struct reader *r, const yaml_node_t *node, const struct schema *s,
                       struct value *to)
{
    if (node->type != YAML_SCALAR_NODE) {
        report_error(r->report, line_of(node), "%s: expected %s", s->key, expected(r->arena, s));
        return;
    }
    *to = (struct value){.line = line_of(node),
                         .text = arena_text(r->arena, scalar(node), node->data.scalar.length)};
    if (strlen(to->text) != node->data.scalar.length || !parse(s, to->text, &to->number))
        report_error(r->report, to->line, "%s: '%s', expected %s", s->key, to->text, expected(r->arena, s));
    else if (s->most && (to->number < s->least || to->number > s->most))
        report_error(r->report, to->line, "%s: %s, expected %s to %s", s->key, to->text,
                     with_unit(r->arena, s->kind, s->least), with_unit(r->arena, s->kind, s->most));
}

static void read_mapping(const struct reader *r, const yaml_node_t *node, const struct schema *table,
                         const char *what, void *to);

static void read_list(const struct reader *r, const yaml_node_t *node, const struct schema *s,
                      struct list *to)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        report_error(r->report, line_of(node), "%s: expected %s", s->key, expected(r->arena, s));
        return;
    }
    for (const yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const yaml_node_t *one = yaml_document_get_node(r->document, *i);
        void *item = list_add(r->arena, to, s->item_bytes);
        if (s->kind == SCHEMA_NAMES)
            read_value(r, one, s, item);
        else
            read_mapping(r, one, s->sub, s->item, item);
    }
}

static void read_key(const struct reader *r, const yaml_node_t *node, const struct schema *s, char *to)
{
    void *member = to + s->offset;
    if (s->kind == SCHEMA_MAPPING)
        read_mapping(r, node, s->sub, s->item, member);
    else if (s->kind == SCHEMA_LIST || s->kind == SCHEMA_NAMES)
        read_list(r, node, s, member);
    else
        read_value(r, node, s, member);
}

static void set_defaults(const struct schema *table, char *to)
{
    for (const struct schema *s = table; s->key; s++) {
        if (s->kind == SCHEMA_MAPPING)
            set_defaults(s->sub, to + s->offset);
        else if (s->kind != SCHEMA_LIST && s->kind != SCHEMA_NAMES)
            *(struct value *)(void *)(to + s->offset) =
                (struct value){.number = s->otherwise, .text = s->text};
    }
}

static const struct schema *find_key(const struct schema *table, const char *key)
{
    const struct schema *s = table;
    while (s->key && strcmp(s->key, key) != 0)
        s++;
    return s;
}

static void read_pairs(const struct reader *r, const yaml_node_t *node, const struct schema *table,
                       const char *what, void *to, uint64_t *seen)
{
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(r->document, p->value);
        const char *name = key->type == YAML_SCALAR_NODE ? scalar(key) : "";
        const struct schema *s = find_key(table, name);
        if (!s->key)
            report_error(r->report, line_of(key), "unknown key '%s' of %s, expected one of %s", name, what,
                         keys_of(r->arena, table));
        else if (*seen >> (s - table) & 1)
            report_error(r->report, line_of(key), "%s: given twice, expected once", s->key);
        else {
            *seen |= 1ull << (s - table);
            read_key(r, value, s, to);
        }
    }
}

static void read_mapping(const struct reader *r, const yaml_node_t *node, const struct schema *table,
                         const char *what, void *to)
{
    uint64_t seen = 0;
    set_defaults(table, to);
    *(unsigned *)to = line_of(node);
    if (node->type != YAML_MAPPING_NODE) {
        report_error(r->report, line_of(node), "expected %s: the keys %s", what, keys_of(r->arena, table));
        return;
    }
    read_pairs(r, node, table, what, to, &seen);
    for (const struct schema *s = table; s->key; s++)
        if (s->required && !(seen >> (s - table) & 1))
            report_error(r->report, line_of(node), "%s lacks '%s', expected %s", what, s->key,
                         expected(r->arena, s));
}

static void read_document(struct arena *a, struct report *r, yaml_parser_t *parser, const struct schema *root,
                          void *to)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        report_error(r, (unsigned)parser->problem_mark.line + 1, "not YAML: %s%s%s",
                     parser->problem ? parser->problem : "unreadable", parser->context ? ", " : "",
                     parser->context ? parser->context : "");
        return;
    }
    const struct reader reader = {a, r, &document};
    const yaml_node_t *node = yaml_document_get_root_node(&document);
    if (node)
        read_mapping(&reader, node, root, "a configuration", to);
    else
        report_error(r, 1, "the file is empty, expected the keys %s", keys_of(a, root));
    yaml_document_delete(&document);
}

bool schema_read(struct arena *a, struct report *r, const char *path, const struct schema *root, void *to)
{
    unsigned errors = r->errors;
    yaml_parser_t parser;
    FILE *file = fopen(path, "rb");
    if (!file)
        return report_error(r, 0, "cannot be read: %s", strerror(errno));
    if (yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_file(&parser, file);
        read_document(a, r, &parser, root, to);
        yaml_parser_delete(&parser);
    }
    fclose(file);
    return r->errors == errors;
}
