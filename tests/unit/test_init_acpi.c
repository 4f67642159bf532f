// How the supervisor finds what switches the machine off
// SPDX-License-Identifier: MIT
// LINK: servers/init/acpi.c

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/init/acpi.h"
#include "tests/unit/acpi_tables.h"

#define ROOT_AT 0x1000
#define FADT_AT 0x3000
#define DSDT_AT 0x4000
#define SSDT_AT 0x5000
#define LATE_AT 0x6000

const void *firmware_at(uint64_t phys, uint64_t length)
{
    return view_of(phys, length);
}

// Name (_S5_, Package (4) {5, 6, 0, 0}) after a byte of something else.
static const uint8_t usual_dsdt[] = {0x10, 0x08, '_', 'S',  '5', '_', 0x12, 0x08,
                                     4,    0x0a, 5,   0x0a, 6,   0,   0,    0};

static struct acpi_off off;

static void build(bool wide)
{
    static uint8_t fadt[244 - 36];
    memset(ram, 0, sizeof ram);
    memory = ram;
    memory_size = sizeof ram;
    memset(fadt, 0, sizeof fadt);
    uint32_t dsdt = DSDT_AT, smi = 0xb2, pm1a = 0x604;
    memcpy(fadt + 40 - 36, &dsdt, 4);
    memcpy(fadt + 48 - 36, &smi, 4);
    fadt[52 - 36] = 2;
    memcpy(fadt + 64 - 36, &pm1a, 4);
    static const uint32_t rsdt[] = {0, 0xfffffff0, FADT_AT, SSDT_AT};
    static const uint64_t xsdt[] = {~0ul, FADT_AT, SSDT_AT};
    table(FADT_AT, "FACP", fadt, sizeof fadt);
    table(DSDT_AT, "DSDT", usual_dsdt, sizeof usual_dsdt);
    table(SSDT_AT, "SSDT", "", 0);
    if (wide)
        table(ROOT_AT, "XSDT", xsdt, sizeof xsdt);
    else
        table(ROOT_AT, "RSDT", rsdt, sizeof rsdt);
}

static bool read_off(void)
{
    memset(&off, 0xa5, sizeof off);
    bool found = acpi_read_off(ROOT_AT, &off);
    forget_views();
    return found;
}

static void usual_tables_are_read(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        build(wide);
        assert_true(read_off());
        assert_int_equal(off.smi_command, 0xb2);
        assert_int_equal(off.enable, 2);
        assert_int_equal(off.control[0], 0x604);
        assert_int_equal(off.control[1], 0);
        assert_int_equal(off.type[0], 5);
        assert_int_equal(off.type[1], 6);
    }
}

static void later_fadt_fields_win(void **state)
{
    (void)state;
    build(true);
    static const uint8_t block[] = {1, 16, 0, 0, 0x04, 0xb0, 0, 0, 0, 0, 0, 0};
    memcpy(&ram[FADT_AT + 172], block, sizeof block); // PM1a control at port 0xb004
    put(FADT_AT + 140, LATE_AT, 8);
    table(LATE_AT, "DSDT", "\x08\\_S5_\x12\x44\x01\x02\x01\x00", 12);
    sum_up(FADT_AT, 244, 9);
    assert_true(read_off());
    assert_int_equal(off.control[0], 0xb004);
    assert_int_equal(off.type[0], 1);
    assert_int_equal(off.type[1], 0);
    ram[FADT_AT + 172] = 0; // in memory: of no use
    sum_up(FADT_AT, 244, 9);
    assert_false(read_off());
}

static void what_is_missing_or_damaged_is_no_way_off(void **state)
{
    (void)state;
    build(true);
    ram[ROOT_AT + 40] ^= 1;
    assert_false(read_off());
    build(true);
    ram[FADT_AT] = 'X';
    assert_false(read_off());
    build(true);
    table(DSDT_AT, "DSDT", "_S5_", 4);
    assert_false(read_off());
    assert_false(acpi_read_off(0, &off));
    assert_false(acpi_read_off(MEMORY - 8, &off));
    forget_views();
}

static void every_cut_of_s5_is_survived(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof usual_dsdt; size++) {
        build(true);
        table(DSDT_AT, "DSDT", usual_dsdt, size);
        assert_int_equal(read_off() ? off.type[0] : 5, 5);
    }
}

static void s5_in_an_ssdt_is_found(void **state)
{
    (void)state;
    build(true);
    table(DSDT_AT, "DSDT", "_S5_", 4);
    table(SSDT_AT, "SSDT", usual_dsdt, sizeof usual_dsdt);
    assert_true(read_off());
    assert_int_equal(off.type[0], 5);
}

static void flip_every_bit_of(uint64_t at, size_t length)
{
    for (size_t i = 0; i < length; i++)
        for (int bit = 0; bit < 8; bit++) {
            ram[at + i] ^= (uint8_t)(1 << bit);
            (void)read_off();
            ram[at + i] ^= (uint8_t)(1 << bit);
        }
}

// With checksums that always fit: the lengths and offsets inside are on their own.
static void every_flipped_bit_is_survived(void **state)
{
    (void)state;
    build(true);
    mend = true;
    flip_every_bit_of(ROOT_AT, 36 + 24);
    flip_every_bit_of(FADT_AT, 244);
    flip_every_bit_of(DSDT_AT, 36 + sizeof usual_dsdt);
    mend = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_tables_are_read),
        cmocka_unit_test(later_fadt_fields_win),
        cmocka_unit_test(what_is_missing_or_damaged_is_no_way_off),
        cmocka_unit_test(every_cut_of_s5_is_survived),
        cmocka_unit_test(s5_in_an_ssdt_is_found),
        cmocka_unit_test(every_flipped_bit_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
