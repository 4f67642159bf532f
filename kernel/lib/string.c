// Memory functions for a kernel without a C library
// SPDX-License-Identifier: MIT
//
// An empty asm in a loop keeps the compiler from recognising the loop and calling the very function that it
// is in.

#include "kernel/lib/string.h"

#include <stdint.h>

#define BLOCK (8 * sizeof(word))

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

static inline void opaque(void)
{
    asm volatile("" ::: "memory");
}

static inline void copy_block(word *to, const word *from)
{
    word a = from[0], b = from[1], c = from[2], d = from[3];
    word e = from[4], f = from[5], g = from[6], h = from[7];
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
    to[4] = e, to[5] = f, to[6] = g, to[7] = h;
    opaque();
}

void *(memcpy)(void *restrict to, const void *restrict from, size_t n)
{
    char *t = to;
    const char *f = from;
    for (; n >= BLOCK; n -= BLOCK, t += BLOCK, f += BLOCK)
        copy_block((word *)t, (const word *)f);
    for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word), f += sizeof(word)) {
        *(word *)t = *(const word *)f;
        opaque();
    }
    for (; n > 0; n--) {
        *t++ = *f++;
        opaque();
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *t = to;
    word pattern = (uint8_t)byte * 0x0101010101010101ul;
    for (; n >= BLOCK; n -= BLOCK, t += BLOCK) {
        word *w = (word *)t;
        w[0] = w[1] = w[2] = w[3] = pattern;
        w[4] = w[5] = w[6] = w[7] = pattern;
        opaque();
    }
    for (; n > 0; n--) {
        *t++ = (char)byte;
        opaque();
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}
