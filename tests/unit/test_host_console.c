// The keys of `bulkhead console`, and tables for people
// SPDX-License-Identifier: MIT
//
// LINK: tools/columns.c tools/keys.c -ljansson
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/columns.h"
#include "tools/keys.h"

// What of the keys is the machine's, typed in two pieces.
static const char *typed(const char *first, const char *second, bool *leave)
{
    static char out[64];
    char piece[64];
    struct keys k = {0};
    size_t n = keys_sort(&k, first, strlen(first), out, leave);
    if (!*leave) {
        size_t m = keys_sort(&k, second, strlen(second), piece, leave);
        memcpy(out + n, piece, m);
        n += m;
    }
    out[n] = 0;
    return out;
}

static void keys_are_the_machines(void **state)
{
    (void)state;
    bool leave;
    assert_string_equal(typed("ls\r", "q\x03\x01x", &leave), "ls\rq\x03\x01x");
    assert_false(leave);
}

static void escape_q_leaves(void **state)
{
    (void)state;
    bool leave;
    assert_string_equal(typed("ab\x1dqcd", "", &leave), "ab");
    assert_true(leave);
    assert_string_equal(typed("ab\x1d", "qcd", &leave), "ab");
    assert_true(leave);
}

static void other_escapes_are_the_terminals(void **state)
{
    (void)state;
    bool leave;
    assert_string_equal(typed("\x1d", "a beta\rq", &leave), "\x1d"
                                                            "a beta\rq");
    assert_false(leave);
    // Twice is once, typed; the q behind it is a q.
    assert_string_equal(typed("\x1d\x1d", "q", &leave), "\x1d\x1dq");
    assert_false(leave);
}

static void a_table_is_as_wide_as_its_cells(void **state)
{
    (void)state;
    static const struct column columns[] = {{"NAME", "name", COLUMN_TEXT},  {"N", "n", COLUMN_NUMBER},
                                            {"CPU", "cpu", COLUMN_SECONDS}, {"MEMORY", "kib", COLUMN_KIB},
                                            {"VM", "vm", COLUMN_TEXT},      {0}};
    json_t *list =
        json_pack("[{s:s, s:i, s:I, s:i, s:n}, {s:s, s:i, s:s}]", "name", "vmm.alpha", "n", 12, "cpu",
                  (json_int_t)61204999999, "kib", 262144, "vm", "name", "x", "kib", 9000, "vm", "beta");
    char *text;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    columns_print(to, columns, list);
    fclose(to);
    assert_string_equal(text, "NAME        N       CPU    MEMORY  VM\n"
                              "vmm.alpha  12  61.204 s   256 MiB  -\n"
                              "x           -         -  9000 KiB  beta\n");
    free(text);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_the_machines),
        cmocka_unit_test(escape_q_leaves),
        cmocka_unit_test(other_escapes_are_the_terminals),
        cmocka_unit_test(a_table_is_as_wide_as_its_cells),
    };
    return cmocka_run_group_tests_name("host_console", tests, NULL, NULL);
}
