// JSON by tables, on the tokens that jsmn finds.
// SPDX-License-Identifier: MIT
#include "libipc/json.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define JSON_BYTES_MAX (1u << 20)

struct json_token {
    jsmntok_t t;
};

static const jsmntok_t *token(const struct json *j, uint32_t at)
{
    return &j->tokens[at].t;
}

static uint32_t line_of(const struct json *j, int at)
{
    uint32_t line = 1;
    for (int i = 0; i < at; i++)
        line += j->text[i] == '\n';
    return line;
}

static void write_error(struct json *j, int at, const char *format, va_list arguments)
{
    int n = snprintf(j->error, sizeof j->error, "line %u: ", line_of(j, at));
    vsnprintf(j->error + n, sizeof j->error - (size_t)n, format, arguments);
}

__attribute__((format(printf, 3, 4))) static bool fail_at(struct json *j, int at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_error(j, at, format, arguments);
    va_end(arguments);
    return false;
}

bool json_fail(struct json *j, struct json_node node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_error(j, token(j, node.token)->start, format, arguments);
    va_end(arguments);
    return false;
}

size_t json_token_bytes(uint32_t count)
{
    return count * sizeof(struct json_token);
}

static int run(const struct json *j, jsmntok_t *tokens, uint32_t count, jsmn_parser *parser)
{
    jsmn_init(parser);
    return jsmn_parse(parser, j->text, j->bytes, tokens, count);
}

static bool fail_parse(struct json *j, int result, const jsmn_parser *parser)
{
    if (result == JSMN_ERROR_INVAL)
        return fail_at(j, (int)parser->pos, "this is no JSON");
    return fail_at(j, (int)j->bytes, "the text ends in the middle, expected more");
}

uint32_t json_count(struct json *j, const char *text, size_t bytes)
{
    jsmn_parser parser;
    *j = (struct json){.text = text, .bytes = bytes < JSON_BYTES_MAX ? (uint32_t)bytes : 0};
    if (bytes >= JSON_BYTES_MAX) {
        fail_at(j, 0, "%zu bytes of JSON, expected less than %u", bytes, JSON_BYTES_MAX);
        return 0;
    }
    int n = run(j, NULL, 0, &parser);
    if (n > 0)
        j->token_count = (uint32_t)n;
    else
        fail_parse(j, n, &parser);
    return j->token_count;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// jsmn reads over separators that are missing or too many. Between two tokens there may be space and exactly
// one of the characters `wanted`; behind the last one none (wanted 0).
static bool separated(struct json *j, int from, int to, char wanted)
{
    unsigned seen = 0;
    for (int i = from; i < to; i++) {
        if (is_space(j->text[i]))
            continue;
        if (j->text[i] != wanted || seen++)
            return fail_at(j, i, "'%c' is not expected here", j->text[i]);
    }
    return !wanted || seen || fail_at(j, to, "expected '%c' before this", wanted);
}

// Where a token's text ends, its quotes included, and where it begins.
static int outer_end(const jsmntok_t *t)
{
    return t->end + (t->type == JSMN_STRING);
}

static int outer_start(const jsmntok_t *t)
{
    return t->start - (t->type == JSMN_STRING);
}

// The last position before token `at` that belongs to something, and the separator wanted behind it.
static bool check_token(struct json *j, uint32_t at, int *ends)
{
    const jsmntok_t *t = token(j, at), *parent = token(j, (uint32_t)t->parent);
    bool is_key = parent->type == JSMN_OBJECT, is_value = parent->type == JSMN_STRING;
    if (is_key && (t->type != JSMN_STRING || t->size != 1))
        return fail_at(j, t->start, "expected a key in quotes, ':' and a value");
    if (!is_key && (t->type == JSMN_STRING || t->type == JSMN_PRIMITIVE) && t->size)
        return fail_at(j, t->start, "expected a key only in an object");
    int from = ends[0] < 0 ? parent->start + 1 : ends[0];
    char wanted = is_value ? ':' : ends[0] < 0 ? 0 : ',';
    if (is_value)
        from = outer_end(parent);
    return separated(j, from, outer_start(t), wanted);
}

// Every container's values are separated as they should be.
static bool check_children(struct json *j, uint32_t container)
{
    const jsmntok_t *c = token(j, container);
    int end = -1;
    uint32_t i = container + 1;
    while (i < j->token_count && token(j, i)->start < c->end) {
        uint32_t value = i;
        if (!check_token(j, i, &end))
            return false;
        if (c->type == JSMN_OBJECT) {
            value = i + 1;
            if (value >= j->token_count || token(j, value)->parent != (int)i)
                return fail_at(j, token(j, i)->start, "expected a value behind this key");
            if (!check_token(j, value, &end))
                return false;
        }
        end = outer_end(token(j, value));
        for (i = value + 1; i < j->token_count && token(j, i)->start < end; i++)
            continue;
    }
    return separated(j, end < 0 ? c->start + 1 : end, c->end - 1, 0);
}

bool json_parse(struct json *j, void *tokens, struct json_node *root)
{
    jsmn_parser parser;
    j->tokens = tokens;
    int n = run(j, (jsmntok_t *)tokens, j->token_count, &parser);
    if (n != (int)j->token_count)
        return fail_parse(j, n, &parser);
    const jsmntok_t *t = token(j, 0);
    if (t->type != JSMN_OBJECT)
        return fail_at(j, t->start, "expected an object: {...}");
    for (uint32_t i = 0; i < j->token_count; i++) {
        const jsmntok_t *c = token(j, i);
        if ((c->type == JSMN_OBJECT || c->type == JSMN_ARRAY) && !check_children(j, i))
            return false;
    }
    *root = (struct json_node){.token = 0, .count = (uint32_t)t->size};
    return separated(j, 0, t->start, 0) && separated(j, t->end, (int)j->bytes, 0);
}

_Static_assert(sizeof(jsmntok_t) <= JSON_TOKEN_BYTES, "who sets memory aside for tokens");

bool json_open(struct json *j, const char *text, void *tokens, size_t bytes, struct json_node *root)
{
    uint32_t count = json_count(j, text, strlen(text));
    if (count && json_token_bytes(count) > bytes)
        return fail_at(j, 0, "%u values, more than are expected", count);
    return count && json_parse(j, tokens, root);
}

static struct json_node node_at(const struct json *j, uint32_t at)
{
    return (struct json_node){.token = at, .count = (uint32_t)token(j, at)->size};
}

// The token behind a value and all that is in it.
static uint32_t behind(const struct json *j, uint32_t at)
{
    int end = token(j, at)->end;
    uint32_t i = at + 1;
    while (i < j->token_count && token(j, i)->start < end)
        i++;
    return i;
}

static bool next(const struct json *j, struct json_node array, struct json_node *node)
{
    uint32_t at = node->token ? behind(j, node->token) : array.token + 1;
    if (at >= j->token_count || token(j, at)->start >= token(j, array.token)->end)
        return false;
    *node = node_at(j, at);
    return true;
}

bool json_next(const struct json *j, struct json_node array, struct json_node *node)
{
    return array.token && next(j, array, node);
}

struct json_text json_raw(const struct json *j, struct json_node node)
{
    const jsmntok_t *t = token(j, node.token);
    return (struct json_text){.at = j->text + t->start, .length = (uint32_t)(t->end - t->start)};
}

bool json_is(struct json_text text, const char *what)
{
    return text.length == strlen(what) && memcmp(text.at, what, text.length) == 0;
}

bool json_same(struct json_text a, struct json_text b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

static bool digits(struct json_text t, unsigned base, uint64_t *to)
{
    static const char digit[] = "0123456789abcdef";
    *to = 0;
    for (uint32_t i = 0; i < t.length; i++) {
        const char *d =
            t.at[i] ? strchr(digit, t.at[i] | ('A' <= t.at[i] && t.at[i] <= 'Z' ? 0x20 : 0)) : NULL;
        if (!d || d - digit >= (int)base || __builtin_mul_overflow(*to, base, to) ||
            __builtin_add_overflow(*to, (uint64_t)(d - digit), to))
            return false;
    }
    return t.length > 0;
}

static bool read_number(struct json *j, struct json_node n, const struct json_field *f, uint64_t *to)
{
    struct json_text t = json_raw(j, n);
    bool hex = token(j, n.token)->type == JSMN_STRING;
    uint64_t value;
    if (hex && t.length > 2 && memcmp(t.at, "0x", 2) == 0)
        t = (struct json_text){t.at + 2, t.length - 2};
    else if (hex || token(j, n.token)->type != JSMN_PRIMITIVE)
        return json_fail(j, n, "%s: expected a number", f->key);
    if (!digits(t, hex ? 16 : 10, &value))
        return json_fail(j, n, "%s: '%.*s' is no whole number", f->key, (int)t.length, t.at);
    if (f->most && (value < f->least || value > f->most))
        return json_fail(j, n, "%s: %llu, expected %llu to %llu", f->key, (unsigned long long)value,
                         (unsigned long long)f->least, (unsigned long long)f->most);
    *to = value;
    return true;
}

static bool read_text(struct json *j, struct json_node n, const struct json_field *f, struct json_text *to)
{
    struct json_text t = json_raw(j, n);
    if (token(j, n.token)->type != JSMN_STRING)
        return json_fail(j, n, "%s: expected a text in quotes", f->key);
    if (f->most && (t.length < f->least || t.length > f->most))
        return json_fail(j, n, "%s: %u characters, expected %llu to %llu", f->key, t.length,
                         (unsigned long long)f->least, (unsigned long long)f->most);
    *to = t;
    return true;
}

static bool read_choice(struct json *j, struct json_node n, const struct json_field *f, uint32_t *to)
{
    struct json_text t = json_raw(j, n);
    char list[96] = "";
    for (uint32_t i = 0; f->names[i]; i++) {
        if (token(j, n.token)->type == JSMN_STRING && json_is(t, f->names[i])) {
            *to = i;
            return true;
        }
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", f->names[i]);
    }
    return json_fail(j, n, "%s: '%.*s', expected one of %s", f->key, t.length < 32 ? (int)t.length : 32, t.at,
                     list);
}

static bool read_bool(struct json *j, struct json_node n, const struct json_field *f, bool *to)
{
    struct json_text t = json_raw(j, n);
    bool plain = token(j, n.token)->type == JSMN_PRIMITIVE;
    if (!plain || (!json_is(t, "true") && !json_is(t, "false")))
        return json_fail(j, n, "%s: expected true or false", f->key);
    *to = json_is(t, "true");
    return true;
}

static bool read_value(struct json *j, struct json_node n, const struct json_field *f, void *to)
{
    switch (f->kind) {
    case JSON_TEXT: return read_text(j, n, f, to);
    case JSON_NUMBER: return read_number(j, n, f, to);
    case JSON_BOOL: return read_bool(j, n, f, to);
    case JSON_CHOICE: return read_choice(j, n, f, to);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    bool array = f->kind == JSON_ARRAY;
    if (token(j, n.token)->type != (array ? JSMN_ARRAY : JSMN_OBJECT))
        return json_fail(j, n, "%s: expected %s", f->key, array ? "an array: [...]" : "an object: {...}");
    *(struct json_node *)to = n;
    return true;
}

static const struct json_field *find(struct json_text key, const struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (json_is(key, fields[i].key))
            return &fields[i];
    return NULL;
}

// what NULL: unknown keys are passed over.
static bool read_keys(struct json *j, struct json_node object, const char *what,
                      const struct json_field *fields, size_t field_count, void *to, uint64_t *seen)
{
    for (struct json_node key = {0}; next(j, object, &key);) {
        struct json_text name = json_raw(j, key);
        struct json_node value = node_at(j, key.token + 1);
        const struct json_field *f = find(name, fields, field_count);
        if (!f && what)
            return json_fail(j, key, "unknown key \"%.*s\" of %s", name.length < 40 ? (int)name.length : 40,
                             name.at, what);
        if (f && *seen >> (f - fields) & 1)
            return json_fail(j, key, "%s: given twice", f->key);
        if (f && !read_value(j, value, f, (char *)to + f->offset))
            return false;
        *seen |= f ? UINT64_C(1) << (f - fields) : 0;
        key = value;
    }
    return true;
}

bool json_read(struct json *j, struct json_node object, const char *what, const struct json_field *fields,
               size_t field_count, void *to)
{
    uint64_t seen = 0;
    if (token(j, object.token)->type != JSMN_OBJECT)
        return json_fail(j, object, "expected %s: {...}", what);
    if (!read_keys(j, object, what, fields, field_count, to, &seen))
        return false;
    for (size_t i = 0; i < field_count; i++)
        if (!fields[i].optional && !(seen >> i & 1))
            return json_fail(j, object, "%s lacks \"%s\"", what, fields[i].key);
    return true;
}

bool json_read_some(struct json *j, struct json_node object, const struct json_field *fields,
                    size_t field_count, void *to)
{
    uint64_t seen = 0;
    if (token(j, object.token)->type != JSMN_OBJECT)
        return json_fail(j, object, "expected an object: {...}");
    return read_keys(j, object, NULL, fields, field_count, to, &seen);
}

static bool unescape(const char **from, const char *end, char *to)
{
    static const char escapes[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint64_t code;
    if (*from == end)
        return false;
    char c = *(*from)++;
    const char *e = c ? strchr(escapes, c) : NULL;
    if (e) {
        *to = values[e - escapes];
        return true;
    }
    if (c != 'u' || end - *from < 4 || !digits((struct json_text){*from, 4}, 16, &code) || code > 0x7f)
        return false;
    *from += 4;
    *to = (char)code;
    return true;
}

bool json_copy(struct json_text text, char *to, size_t size)
{
    const char *from = text.length ? text.at : "", *end = from + text.length;
    size_t n = 0;
    while (from < end && n + 1 < size) {
        char c = *from++;
        if (c == '\\' && !unescape(&from, end, &c))
            return false;
        to[n++] = c;
    }
    if (!size)
        return false;
    to[n] = 0;
    return from == end;
}
