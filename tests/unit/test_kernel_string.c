// The kernel's memory functions at every small length and offset, against the C library's
// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Under names of their own: the host's have to stay what they are.
#define memcpy kernel_memcpy
#define memset kernel_memset
#define memcmp kernel_memcmp
#include "kernel/lib/string.c"
#undef memcpy
#undef memset
#undef memcmp

#define SIZE    256
#define LENGTHS 150
#define OFFSETS 12

static void fill(uint8_t *area)
{
    for (unsigned i = 0; i < SIZE; i++)
        area[i] = (uint8_t)(i * 37 + 1);
}

static void copies_and_fills_match(void **state)
{
    (void)state;
    uint8_t ours[SIZE], theirs[SIZE], source[SIZE];
    fill(source);
    for (size_t n = 0; n < LENGTHS; n++)
        for (size_t at = 0; at < OFFSETS; at++) {
            memset(ours, 0, SIZE);
            memset(theirs, 0, SIZE);
            kernel_memcpy(ours + at, source + OFFSETS - at, n);
            memcpy(theirs + at, source + OFFSETS - at, n);
            assert_memory_equal(ours, theirs, SIZE);
            kernel_memset(ours + at, 0x1a5, n);
            memset(theirs + at, 0xa5, n);
            assert_memory_equal(ours, theirs, SIZE);
        }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void comparisons_match(void **state)
{
    (void)state;
    uint8_t a[SIZE], b[SIZE];
    for (size_t n = 0; n < 40; n++)
        for (size_t differs = 0; differs <= n; differs++) {
            fill(a);
            fill(b);
            b[differs] ^= 0x80;
            assert_int_equal(sign(kernel_memcmp(a, b, n)), sign(memcmp(a, b, n)));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_and_fills_match),
        cmocka_unit_test(comparisons_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
