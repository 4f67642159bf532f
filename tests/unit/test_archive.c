// The boot archive: what the tool writes is what init reads; programs and their symbols
// SPDX-License-Identifier: MIT
//
// LINK: tools/cpio.c tools/symbols.c tools/arena.c libipc/archive.c servers/init/program.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/archive.h"
#include "libipc/start.h"
#include "servers/init/program.h"
#include "tools/cpio.h"
#include "tools/symbols.h"

enum { PAGE = 4096, BIG = 10000 };

static const char big[BIG] = {[0] = 'b', [BIG - 1] = 'e'};

static char *write_archive(size_t *size)
{
    char *bytes = NULL;
    FILE *to = open_memstream(&bytes, size);
    struct cpio c = {.to = to};
    cpio_add(&c, "init", "hello", 5, 1, 0);
    cpio_add(&c, "bin/a", big, BIG, PAGE, 0);
    cpio_add(&c, "guest/kernel", big, BIG, PAGE, 1536);
    cpio_add(&c, "empty", "", 0, PAGE, 0);
    cpio_end(&c);
    fclose(to);
    assert_int_equal(c.at, *size);
    return bytes;
}

static void found_and_aligned(void **state)
{
    (void)state;
    size_t size = 0;
    char *bytes = write_archive(&size);
    struct archive a = {(const uint8_t *)bytes, size};
    struct archive_file f;
    assert_int_equal(archive_check(&a), ARCHIVE_OK);
    assert_int_equal(archive_find(&a, "", "init", 4, &f), ARCHIVE_OK);
    assert_int_equal(f.size, 5);
    assert_memory_equal(f.bytes, "hello", 5);
    assert_int_equal(archive_find(&a, "bin/", "a/", 1, &f), ARCHIVE_OK);
    assert_int_equal(f.offset % PAGE, 0);
    assert_memory_equal(f.bytes, big, BIG);
    assert_int_equal(archive_find(&a, "guest/", "kernel", 6, &f), ARCHIVE_OK);
    assert_int_equal((f.offset + 1536) % PAGE, 0);
    assert_int_equal(archive_find(&a, "", "empty", 5, &f), ARCHIVE_OK);
    assert_int_equal(f.size, 0);
    assert_int_equal(archive_find(&a, "bin/", "b", 1, &f), ARCHIVE_NOT_FOUND);
    assert_int_equal(archive_find(&a, "", "ini", 3, &f), ARCHIVE_NOT_FOUND);
    free(bytes);
}

// Whatever is cut off is missed; what is no archive is no archive.
static void damage(void **state)
{
    (void)state;
    size_t size = 0;
    char *bytes = write_archive(&size);
    for (size_t cut = 0; cut < size; cut++) {
        struct archive a = {(const uint8_t *)bytes, cut};
        if (archive_check(&a) != ARCHIVE_TRUNCATED)
            fail_msg("cut at %zu", cut);
    }
    struct archive a = {(const uint8_t *)bytes, size};
    bytes[0] = '1';
    assert_int_equal(archive_check(&a), ARCHIVE_FOREIGN);
    bytes[0] = '0';
    bytes[54] = 'x'; // a digit of the size
    assert_int_equal(archive_check(&a), ARCHIVE_FOREIGN);
    memcpy(bytes + 54, "ffffffff", 8);
    assert_int_equal(archive_check(&a), ARCHIVE_TRUNCATED);
    memcpy(bytes + 54, "00000005", 8);
    assert_int_equal(archive_check(&a), ARCHIVE_OK);
    memcpy(bytes + 94, "00000000", 8); // the name's size
    assert_int_equal(archive_check(&a), ARCHIVE_FOREIGN);
    free(bytes);
}

// A program by hand: header, two segments, text of a page and a bit, data with as much again of zeros.
struct test_program {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count, rest[3];
    struct {
        uint32_t type, flags;
        uint64_t offset, address, physical, file_size, memory_size, align;
    } segment[2];
    uint8_t bytes[3 * PAGE];
};

static struct test_program a_program(void)
{
    return (struct test_program){
        .ident = "\177ELF\2\1\1",
        .type = 2,
        .machine = 62,
        .entry = PROGRAM_TEXT + 16,
        .program_headers = offsetof(struct test_program, segment),
        .program_header_size = 56,
        .program_header_count = 2,
        .segment = {{1, 5, PAGE, PROGRAM_TEXT, 0, PAGE + 100, PAGE + 100, PAGE},
                    {1, 6, 3 * PAGE, PROGRAM_DATA, 0, 50, PAGE + 1, PAGE}},
    };
}

static const char *judge(const struct test_program *p, size_t size)
{
    struct program program;
    return program_read(&program, (const uint8_t *)p, size);
}

static void programs(void **state)
{
    (void)state;
    struct test_program p = a_program();
    struct program got;
    assert_null(program_read(&got, (const uint8_t *)&p, sizeof p));
    assert_int_equal(got.text_pages, 2);
    assert_int_equal(got.text_offset, PAGE);
    assert_int_equal(got.data_bytes, 50);
    assert_int_equal(got.data_pages, 2);
    assert_string_equal(judge(&p, 40), "it is truncated");
    assert_string_equal(judge(&p, 3 * PAGE), "it is truncated");
    p.ident[4] = 1;
    assert_string_equal(judge(&p, sizeof p), "it is no static ELF64 program for x86-64");
    p = a_program();
    p.segment[0].address += PAGE;
    assert_string_equal(judge(&p, sizeof p), "its text does not lie where a program's does");
    p = a_program();
    p.segment[0].offset += 1;
    assert_string_equal(judge(&p, sizeof p), "its text does not lie where a program's does");
    p = a_program();
    p.segment[1].flags = 5;
    assert_string_equal(judge(&p, sizeof p), "it has two segments of text, expected one");
    p = a_program();
    p.segment[1].memory_size = PROGRAM_WINDOW;
    assert_string_equal(judge(&p, sizeof p), "its data do not lie where a program's do");
    p = a_program();
    p.entry = PROGRAM_DATA;
    assert_string_equal(judge(&p, sizeof p), "its entry is not in its text");
}

static uint8_t *read_self(size_t *size)
{
    FILE *f = fopen("/proc/self/exe", "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*size);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

// This test is itself a static-position program with symbols.
static void symbols(void **state)
{
    (void)state;
    struct arena a = {0};
    size_t size, bytes;
    uint8_t *self = read_self(&size);
    const uint8_t *table;
    uint64_t offset;
    assert_true(symbols_make(&a, self, size, &table, &bytes));
    uint64_t address = (uint64_t)(uintptr_t)symbols;
    assert_string_equal(symbol_find(table, bytes, address, &offset), "symbols");
    assert_int_equal(offset, 0);
    assert_string_equal(symbol_find(table, bytes, address + 5, &offset), "symbols");
    assert_int_equal(offset, 5);
    assert_null(symbol_find(table, bytes, 1, &offset));
    assert_null(symbol_find(table, bytes, UINT64_MAX, &offset));
    assert_null(symbol_find(table, 10, address, &offset));
    assert_null(symbol_find(table, bytes - 1, address, &offset));
    assert_false(symbols_make(&a, self, 100, &table, &bytes));
    free(self);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_and_aligned), cmocka_unit_test(damage),
                                       cmocka_unit_test(programs), cmocka_unit_test(symbols)};
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
