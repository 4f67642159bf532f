// JSON as clients send it.
// SPDX-License-Identifier: MIT
//
// The check keeps what it is inside of as a bit each, so it needs no stack of its own. [RFC8259] is the
// grammar, [RFC3629] that of UTF-8.
#include "servers/control/value.h"

#include <string.h>

#include "servers/control/utf8.h"

struct reader {
    const char *at, *end;
    const char *wrong;
};

static bool fail(struct reader *r, const char *wrong)
{
    r->wrong = wrong;
    return false;
}

static uint8_t peek(const struct reader *r)
{
    return r->at < r->end ? (uint8_t)*r->at : 0;
}

static bool take(struct reader *r, char c)
{
    bool there = r->at < r->end && *r->at == c;
    r->at += there;
    return there;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n'))
        r->at++;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// ---- the check ----

// A character of several bytes, whose first one was taken.
static bool take_utf8(struct reader *r)
{
    const char *first = r->at - 1;
    size_t bytes = utf8_character((const uint8_t *)first, (size_t)(r->end - first));
    r->at = first + bytes;
    return bytes || fail(r, "these bytes are no UTF-8");
}

static bool take_escape(struct reader *r)
{
    uint8_t c = peek(r);
    r->at += r->at < r->end;
    if (c == 'u') {
        for (unsigned i = 0; i < 4; i++, r->at++)
            if (!is_hex(peek(r)))
                return fail(r, "an escape \\u has four hexadecimal digits");
        return true;
    }
    return (c && strchr("\"\\/bfnrt", c)) || fail(r, "there is no such escape");
}

static bool take_text(struct reader *r)
{
    if (!take(r, '"'))
        return fail(r, "expected a text in quotes");
    while (r->at < r->end) {
        uint8_t c = (uint8_t)*r->at++;
        if (c == '"')
            return true;
        if (c < 0x20)
            return fail(r, "a text holds a control character");
        if (c == '\\' ? !take_escape(r) : c >= 0x80 && !take_utf8(r))
            return false;
    }
    return fail(r, "it ends in the middle");
}

static bool take_digits(struct reader *r)
{
    if (!is_digit(peek(r)))
        return fail(r, "a number lacks digits");
    while (is_digit(peek(r)))
        r->at++;
    return true;
}

static bool take_number(struct reader *r)
{
    (void)take(r, '-');
    bool zero = peek(r) == '0';
    if (zero ? !take(r, '0') : !take_digits(r))
        return false;
    if (zero && is_digit(peek(r)))
        return fail(r, "a number begins with 0");
    if (take(r, '.') && !take_digits(r))
        return false;
    if (!take(r, 'e') && !take(r, 'E'))
        return true;
    if (!take(r, '-'))
        (void)take(r, '+');
    return take_digits(r);
}

static bool take_word(struct reader *r, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0)
        return fail(r, "this is no JSON");
    r->at += length;
    return true;
}

static bool take_key(struct reader *r)
{
    skip_space(r);
    if (!take_text(r))
        return false;
    skip_space(r);
    return take(r, ':') || fail(r, "expected ':' behind a key");
}

static bool take_plain(struct reader *r)
{
    uint8_t c = peek(r);
    switch (c) {
    case '"': return take_text(r);
    case 't': return take_word(r, "true");
    case 'f': return take_word(r, "false");
    case 'n': return take_word(r, "null");
    default: break;
    }
    if (r->at == r->end)
        return fail(r, "it ends in the middle");
    return c == '-' || is_digit(c) ? take_number(r) : fail(r, "this is no JSON");
}

// What the innermost containers are: bit 0 is the innermost one's, 1 an object.
struct nest {
    uint32_t depth;
    uint32_t objects;
};

// Into an object or array. False with no error: it is empty, hence a whole value.
static bool enter(struct reader *r, struct nest *n)
{
    bool object = take(r, '{');
    if (!object)
        r->at++;
    if (n->depth == VALUE_DEPTH_MAX)
        return fail(r, "it is nested too deeply");
    skip_space(r);
    if (take(r, object ? '}' : ']'))
        return false;
    n->depth++;
    n->objects = n->objects << 1 | object;
    return !object || take_key(r);
}

// Behind a value: out of all that ends here, up to the next value or the end of all.
static bool leave(struct reader *r, struct nest *n)
{
    for (skip_space(r); n->depth; skip_space(r)) {
        bool object = n->objects & 1;
        if (take(r, ','))
            return !object || take_key(r);
        if (!take(r, object ? '}' : ']'))
            return fail(r, r->at == r->end ? "it ends in the middle" : "expected ',' or the end of a list");
        n->depth--;
        n->objects >>= 1;
    }
    return true;
}

static bool check(struct reader *r)
{
    struct nest n = {0};
    do {
        skip_space(r);
        bool container = peek(r) == '{' || peek(r) == '[';
        if (container && enter(r, &n))
            continue;
        if (r->wrong || (!container && !take_plain(r)) || !leave(r, &n))
            return false;
    } while (n.depth);
    return r->at == r->end || fail(r, "something follows the value");
}

// ---- reading what was checked ----

static enum value_kind kind_of(char c)
{
    switch (c) {
    case '{': return VALUE_OBJECT;
    case '[': return VALUE_ARRAY;
    case '"': return VALUE_TEXT;
    case 't':
    case 'f': return VALUE_TRUTH;
    case 'n': return VALUE_NULL;
    default: return VALUE_NUMBER;
    }
}

static void skip_text(struct reader *r)
{
    for (r->at++; *r->at != '"'; r->at++)
        r->at += *r->at == '\\';
    r->at++;
}

static void skip_container(struct reader *r)
{
    uint32_t depth = 0;
    do {
        char c = *r->at;
        if (c == '"') {
            skip_text(r);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        r->at++;
    } while (depth);
}

static struct value read_value(struct reader *r)
{
    skip_space(r);
    struct value v = {.kind = kind_of(*r->at), .at = r->at};
    if (v.kind == VALUE_TEXT)
        skip_text(r);
    else if (v.kind == VALUE_OBJECT || v.kind == VALUE_ARRAY)
        skip_container(r);
    else
        while (r->at < r->end && !strchr(" \t\r\n,]}", *r->at))
            r->at++;
    v.length = (uint32_t)(r->at - v.at);
    return v;
}

const char *value_check(const char *text, uint32_t length, struct value *value)
{
    struct reader r = {.at = text, .end = text + length};
    *value = (struct value){0};
    if (!check(&r))
        return r.wrong;
    r.at = text;
    *value = read_value(&r);
    return NULL;
}

bool value_next(const struct value *object, struct member *m)
{
    struct reader r = {.at = object->at + 1, .end = object->at + object->length};
    if (m->value.kind)
        r.at = m->value.at + m->value.length;
    skip_space(&r);
    (void)take(&r, ',');
    skip_space(&r);
    if (peek(&r) == '}')
        return false;
    m->key = read_value(&r);
    skip_space(&r);
    (void)take(&r, ':');
    m->value = read_value(&r);
    return true;
}

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)c - '0' : ((unsigned)c | 0x20) - 'a' + 10;
}

// Of an escape, `at` behind its backslash; 0x80: no ASCII character.
static char unescape(const char **at)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = *(*at)++;
    if (c != 'u') {
        const char *e = strchr(from, c);
        return e ? to[e - from] : c;
    }
    unsigned code = 0;
    for (unsigned i = 0; i < 4; i++)
        code = code << 4 | hex_digit(*(*at)++);
    return code && code < 0x80 ? (char)code : (char)0x80;
}

bool value_text(const struct value *v, char *to, size_t size)
{
    if (v->kind != VALUE_TEXT)
        return false;
    const char *at = v->at + 1, *end = v->at + v->length - 1;
    size_t n = 0;
    while (at < end) {
        char c = *at++;
        if (c == '\\')
            c = unescape(&at);
        if ((uint8_t)c >= 0x80 || n + 1 >= size)
            return false;
        to[n++] = c;
    }
    to[n] = 0;
    return true;
}

bool value_number(const struct value *v, uint64_t *to)
{
    *to = 0;
    if (v->kind != VALUE_NUMBER)
        return false;
    for (uint32_t i = 0; i < v->length; i++)
        if (!is_digit((uint8_t)v->at[i]) || __builtin_mul_overflow(*to, (uint64_t)10, to) ||
            __builtin_add_overflow(*to, (uint64_t)(v->at[i] - '0'), to))
            return false;
    return true;
}
