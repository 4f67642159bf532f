// Copying guest data.
// SPDX-License-Identifier: MIT
//
// Counted in instructions a REP MOVS costs one an iteration in an emulator; on processors what counts is that
// whole cache lines move. 32 bytes an instruction where there is AVX, else 16.
#include "servers/common/copy.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { STEP = 256, XCR0_VECTORS = 6 };

static bool detect_avx(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return false;
    asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & XCR0_VECTORS) == XCR0_VECTORS;
}

bool has_avx(void)
{
    static enum { UNKNOWN, ABSENT, PRESENT } avx;
    if (avx == UNKNOWN)
        avx = detect_avx() ? PRESENT : ABSENT;
    return avx == PRESENT;
}

__attribute__((target("avx"))) static void copy_avx(uint8_t *to, const uint8_t *from, size_t steps)
{
    for (; steps; steps--, to += STEP, from += STEP) {
        __m256i part[STEP / sizeof(__m256i)];
#pragma GCC unroll 8
        for (size_t i = 0; i < STEP / sizeof *part; i++)
            part[i] = _mm256_loadu_si256((const __m256i_u *)(const void *)from + i);
#pragma GCC unroll 8
        for (size_t i = 0; i < STEP / sizeof *part; i++)
            _mm256_storeu_si256((__m256i_u *)(void *)to + i, part[i]);
    }
    _mm256_zeroupper();
}

static void copy_sse(uint8_t *to, const uint8_t *from, size_t steps)
{
    for (; steps; steps--, to += STEP, from += STEP) {
        __m128i part[STEP / sizeof(__m128i)];
#pragma GCC unroll 16
        for (size_t i = 0; i < STEP / sizeof *part; i++)
            part[i] = _mm_loadu_si128((const __m128i_u *)(const void *)from + i);
#pragma GCC unroll 16
        for (size_t i = 0; i < STEP / sizeof *part; i++)
            _mm_storeu_si128((__m128i_u *)(void *)to + i, part[i]);
    }
}

void copy_bytes(void *to, const void *from, size_t bytes)
{
    size_t steps = bytes / STEP, done = steps * STEP;
    if (steps && has_avx())
        copy_avx(to, from, steps);
    else if (steps)
        copy_sse(to, from, steps);
    memcpy((uint8_t *)to + done, (const uint8_t *)from + done, bytes - done);
}

void zero_bytes(void *to, size_t bytes)
{
    static const uint8_t zeros[STEP];
    uint8_t *at = to;
    for (; bytes >= STEP; bytes -= STEP, at += STEP)
        copy_sse(at, zeros, 1);
    memset(at, 0, bytes);
}
