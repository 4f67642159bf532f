// printf's formats, as many as a kernel needs
// SPDX-License-Identifier: MIT

#include <stdint.h>

#include "kernel/lib/print.h"
#include "kernel/lib/string.h"

struct output {
    char *buffer;
    size_t size, length; // length counts on where the buffer ends
};

struct field {
    bool left, zero;
    size_t width;
    int longs; // 0 int, 1 long, size_t and long long are the same
};

static void put(struct output *o, char c)
{
    if (o->length + 1 < o->size)
        o->buffer[o->length] = c;
    o->length++;
}

static void put_padding(struct output *o, size_t n, char c)
{
    for (; n > 0; n--)
        put(o, c);
}

// Sign first, then zeros; or blanks, then sign.
static void put_field(struct output *o, const struct field *f, const char *sign, const char *text, size_t n)
{
    size_t signs = strlen(sign);
    size_t padding = f->width > n + signs ? f->width - n - signs : 0;
    if (!f->left && !f->zero)
        put_padding(o, padding, ' ');
    for (; *sign; sign++)
        put(o, *sign);
    if (!f->left && f->zero)
        put_padding(o, padding, '0');
    for (size_t i = 0; i < n; i++)
        put(o, text[i]);
    if (f->left)
        put_padding(o, padding, ' ');
}

static void put_number(struct output *o, const struct field *f, const char *sign, uint64_t v, unsigned base)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    put_field(o, f, sign, &digits[at], sizeof digits - at);
}

static void put_string(struct output *o, const struct field *f, const char *s)
{
    struct field text = *f;
    text.zero = false;
    s = s ? s : "(null)";
    put_field(o, &text, "", s, strlen(s));
}

static const char *parse_field(const char *p, struct field *f)
{
    *f = (struct field){0};
    for (; *p == '-' || *p == '0'; p++) {
        f->left |= *p == '-';
        f->zero |= *p == '0';
    }
    for (; *p >= '0' && *p <= '9'; p++)
        f->width = f->width * 10 + (size_t)(*p - '0');
    for (; *p == 'l' || *p == 'z'; p++)
        f->longs = 1;
    return p;
}

static void put_conversion(struct output *o, char type, const struct field *f, va_list *args)
{
    char c;
    int64_t v;
    switch (type) {
    case 'd':
    case 'i':
        v = f->longs ? va_arg(*args, long) : va_arg(*args, int);
        put_number(o, f, v < 0 ? "-" : "", v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
        break;
    case 'u':
        put_number(o, f, "", f->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 10);
        break;
    case 'x':
        put_number(o, f, "", f->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 16);
        break;
    case 'p': put_number(o, f, "0x", (uintptr_t)va_arg(*args, void *), 16); break;
    case 's': put_string(o, f, va_arg(*args, const char *)); break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_field(o, &(struct field){.left = f->left, .width = f->width}, "", &c, 1);
        break;
    case '%': put(o, '%'); break;
    default: // shown, so that a mistake is seen
        put(o, '%');
        put(o, type);
    }
}

size_t kvformat(char *buffer, size_t size, const char *format, va_list args)
{
    struct output o = {buffer, size, 0};
    va_list rest;
    va_copy(rest, args);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(&o, *p);
            continue;
        }
        struct field field;
        p = parse_field(p + 1, &field);
        if (!*p)
            break;
        put_conversion(&o, *p, &field, &rest);
    }
    va_end(rest);
    buffer[o.length < size ? o.length : size - 1] = '\0';
    return o.length;
}

size_t kformat(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t n = kvformat(buffer, size, format, args);
    va_end(args);
    return n;
}
