// printf's formats, as many as the kernel uses
// SPDX-License-Identifier: MIT

#include <stdint.h>

#include "kernel/lib/print.h"

static void put_number(void (*put)(char), uint64_t v, unsigned base)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n > 0)
        put(digits[--n]);
}

void kvformat(void (*put)(char), const char *format, va_list args)
{
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(*p);
            continue;
        }
        bool wide = *++p == 'l';
        p += wide;
        switch (*p) {
        case 's':
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(*s);
            break;
        case 'u':
        case 'x':
            put_number(put, wide ? va_arg(args, unsigned long) : va_arg(args, unsigned), *p == 'x' ? 16 : 10);
            break;
        default: put(*p); // the compiler refuses what is no format at all
        }
    }
}
