// The reader of partition tables: good ones, each damage, each contradiction
// SPDX-License-Identifier: MIT
// LINK: libipc/gpt.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/gpt_disk.h"

enum { SECTORS = 200, FIRST = 2 + DISK_ARRAY, LAST = SECTORS - 2 - DISK_ARRAY };

static _Alignas(8) uint8_t disk[SECTORS * GPT_SECTOR];
static struct gpt table;
static uint64_t unreadable; // this sector

static bool read_sectors(void *context, uint64_t sector, uint32_t sectors, void *to)
{
    (void)context;
    assert_true(sectors && sectors <= GPT_READ_SECTORS && sector < SECTORS && sectors <= SECTORS - sector);
    memcpy(to, disk + sector * GPT_SECTOR, sectors * GPT_SECTOR);
    return !(unreadable - sector < sectors);
}

static bool read_disk(void)
{
    return gpt_read(&table, &(struct gpt_disk){"d0", SECTORS, read_sectors, NULL});
}

static struct gpt_header *header(uint64_t sector)
{
    return (struct gpt_header *)(disk + sector * GPT_SECTOR);
}

static void make(uint64_t first_a, uint64_t last_a, const char *b, uint64_t first_b, uint64_t last_b)
{
    struct gpt_entry entries[2];
    memset(disk, 0, sizeof disk);
    unreadable = UINT64_MAX;
    disk_entry(&entries[0], "alpha.root", first_a, last_a);
    disk_entry(&entries[1], b, first_b, last_b);
    disk_table(disk, SECTORS, entries, 2);
}

static void make_good(void)
{
    make(FIRST, 40, "beta.root", 41, LAST);
}

static void expect_error(const char *what)
{
    assert_false(read_disk());
    assert_string_equal(table.error, what);
    assert_int_equal(table.count, 0);
    assert_null(gpt_find(&table, "alpha.root"));
}

static void good(void **state)
{
    (void)state;
    make_good();
    assert_true(read_disk());
    assert_string_equal(table.warning, "");
    assert_int_equal(table.count, 2);
    const struct gpt_partition *p = gpt_find(&table, "beta.root");
    assert_int_equal(p->entry.first, 41);
    assert_int_equal(gpt_sectors(p), LAST - 40);
    assert_null(gpt_find(&table, "beta"));
    assert_int_equal(gpt_crc(0, "123456789", 9), 0xcbf43926); // the check value of this CRC
}

static void damages(void **state)
{
    (void)state;
    static const struct {
        size_t at; // in the header
        const char *warning;
    } cases[] = {
        {offsetof(struct gpt_header, signature), "no header in sector 1"},
        {offsetof(struct gpt_header, bytes) + 2, "a header of 65628 bytes in sector 1"},
        {offsetof(struct gpt_header, own), "the header in sector 1 does not match its sum"},
        {offsetof(struct gpt_header, crc), "the header in sector 1 does not match its sum"},
        {GPT_SECTOR, "the entries do not match their sum"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char warning[GPT_TEXT_MAX];
        make_good();
        disk[GPT_SECTOR + cases[i].at] ^= 1;
        assert_true(read_disk());
        snprintf(warning, sizeof warning,
                 "d0: the partition table is damaged (%s), its copy at the end is used", cases[i].warning);
        assert_string_equal(table.warning, warning);
        assert_int_equal(gpt_sectors(gpt_find(&table, "beta.root")), LAST - 40);
        disk[(SECTORS - 1) * GPT_SECTOR] ^= 1;
        snprintf(warning, sizeof warning,
                 "d0: the partition table (%s) and its copy (no header in sector 199) are damaged",
                 cases[i].warning);
        expect_error(warning);
    }
}

// Sums that fit what makes no sense.
static void contradictions(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        const char *why;
    } cases[] = {
        {offsetof(struct gpt_header, revision), 0x20000, "revision 20000, expected 10000"},
        {offsetof(struct gpt_header, own), 7, "the header in sector 1 says it is that of sector 7"},
        {offsetof(struct gpt_header, first_usable), 196, "usable sectors 196 to 194 of 200"},
        {offsetof(struct gpt_header, last_usable), 200, "usable sectors 6 to 200 of 200"},
        {offsetof(struct gpt_header, entry_bytes), 96, "entries of 96 bytes"},
        {offsetof(struct gpt_header, entry_bytes), 192, "entries of 192 bytes"},
        {offsetof(struct gpt_header, entry_bytes), 8192, "entries of 8192 bytes"},
        {offsetof(struct gpt_header, entry_count), 0, "0 entries, at most 1024 are possible"},
        {offsetof(struct gpt_header, entry_count), 1025, "1025 entries, at most 1024 are possible"},
        {offsetof(struct gpt_header, entries), 1, "4 sectors of entries at sector 1"},
        {offsetof(struct gpt_header, entries), 4, "4 sectors of entries at sector 4"},
        {offsetof(struct gpt_header, entries), 197, "4 sectors of entries at sector 197"},
        {offsetof(struct gpt_header, entries), 200, "4 sectors of entries at sector 200"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char error[GPT_TEXT_MAX];
        make_good();
        memcpy(disk + GPT_SECTOR + cases[i].at, &cases[i].value, 4);
        header(1)->crc = 0;
        header(1)->crc = gpt_crc(0, header(1), GPT_HEADER_BYTES);
        disk[(SECTORS - 1) * GPT_SECTOR] ^= 1;
        snprintf(error, sizeof error,
                 "d0: the partition table (%s) and its copy (no header in sector 199) are damaged",
                 cases[i].why);
        expect_error(error);
    }
}

static void unreadable_sectors(void **state)
{
    (void)state;
    make_good();
    unreadable = 0;
    expect_error("d0: sector 0 cannot be read");
    unreadable = 1;
    assert_true(read_disk());
    assert_non_null(strstr(table.warning, "(sector 1 cannot be read)"));
    unreadable = 3;
    assert_true(read_disk());
    assert_non_null(strstr(table.warning, "(sector 2 cannot be read)"));
}

static void no_table(void **state)
{
    (void)state;
    make_good();
    disk[GPT_MBR_TYPE] = 0x83;
    expect_error("d0: no partition table: sector 0 is no protective MBR");
    make_good();
    disk[GPT_SECTOR - 1] = 0;
    expect_error("d0: no partition table: sector 0 is no protective MBR");
    assert_false(gpt_read(&table, &(struct gpt_disk){"d0", 2, read_sectors, NULL}));
    assert_string_equal(table.error, "d0: a disk of 2 sectors has no partition table");
}

// Whose sums fit: not damage, so the copy does not help.
static void bad_partitions(void **state)
{
    (void)state;
    make(FIRST, 40, "beta.root", 40, LAST);
    expect_error("d0: partitions 'alpha.root' (sectors 6 to 40) and 'beta.root' (40 to 194) overlap");
    make(50, 60, "beta.root", 10, 100);
    expect_error("d0: partitions 'alpha.root' (sectors 50 to 60) and 'beta.root' (10 to 100) overlap");
    make(FIRST, 40, "beta.root", 41, LAST + 1);
    expect_error("d0: partition 'beta.root' takes sectors 41 to 195, those of the disk are 6 to 194");
    make(FIRST - 1, 40, "beta.root", 41, LAST);
    expect_error("d0: partition 'alpha.root' takes sectors 5 to 40, those of the disk are 6 to 194");
    make(FIRST, 40, "beta.root", 42, 41);
    expect_error("d0: partition 'beta.root' takes sectors 42 to 41, those of the disk are 6 to 194");
    make(FIRST, 40, "beta.root", 41, UINT64_MAX);
    assert_false(read_disk());
    make(FIRST, 40, "alpha.root", 41, LAST);
    expect_error("d0: two partitions have the name 'alpha.root' (sectors 6 to 40 and 41 to 194)");
}

// A name is 36 units of UTF-16, or ends at a zero; what lies behind it does not count.
static void names(void **state)
{
    (void)state;
    const char *longest = "abcdefghijklmnopqrstuvwxyz0123456789";
    make(FIRST, 40, longest, 41, LAST);
    assert_true(read_disk());
    assert_int_equal(gpt_find(&table, longest)->entry.first, 41);
    make(FIRST, 40, "", 41, LAST);
    struct gpt_entry *e = (struct gpt_entry *)(disk + 2 * GPT_SECTOR);
    e[0].name[11] = 'x';
    e[1].name[0] = 0x20ac;
    disk_sum(disk, 1);
    assert_true(read_disk());
    assert_string_equal(table.partitions[1].name, "?");
    assert_null(gpt_find(&table, "?"));
    assert_non_null(gpt_find(&table, "alpha.root"));
    disk_entry(&e[1], "alpha.root", 41, LAST);
    disk_sum(disk, 1);
    assert_false(read_disk());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),           cmocka_unit_test(damages),
        cmocka_unit_test(contradictions), cmocka_unit_test(unreadable_sectors),
        cmocka_unit_test(no_table),       cmocka_unit_test(bad_partitions),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
