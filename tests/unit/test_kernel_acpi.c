// ACPI: what a PC's tables give, and what damaged ones do
// SPDX-License-Identifier: MIT
// LINK: kernel/platform/acpi.c

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/platform/acpi.h"
#include "tests/unit/acpi_tables.h"

#define RSDP_AT 0xf1230
#define RSDT_AT 0x1000
#define XSDT_AT 0x1800
#define MADT_AT 0x2000
#define FADT_AT 0x3000

const void *boot_pointer(uint64_t phys, uint64_t length)
{
    return view_of(phys, length);
}

void kprintf(const char *format, ...)
{
    (void)format;
}

static const uint8_t usual_madt[] = {
    0x00, 0x00, 0xe0, 0xfe, 1,    0,    0,    0, // local APICs at 0xfee00000, with 8259s
    0,    8,    0,    0,    1,    0,    0,    0, // CPU 0
    0,    8,    1,    2,    1,    0,    0,    0, // CPU 1, APIC 2
    0,    8,    2,    4,    0,    0,    0,    0, // disabled
    9,    16,   0,    0,    0,    1,    0,    0,    1,    0, 0, 0, 7, 0, 0, 0, // x2APIC 0x100, UID 7
    9,    16,   0,    0,    2,    0,    0,    0,    1,    0, 0, 0, 1, 0, 0, 0, // APIC 2 once more
    1,    12,   0,    0,    0x00, 0x00, 0xc0, 0xfe, 0,    0, 0, 0,             // IOAPIC at 0xfec00000
    2,    10,   0,    0,    2,    0,    0,    0,    0,    0,                   // IRQ 0 is GSI 2
    2,    10,   0,    9,    9,    0,    0,    0,    0x0d, 0,                   // IRQ 9: level, high
    4,    6,    0xff, 0,    0,    1,                                           // NMI: ignored
    5,    4,    0,    0,                                                       // too short: ignored
    77,   4,    1,    2,                                                       // unknown
};

static void build(void)
{
    static uint8_t fadt[244 - 36];
    memset(ram, 0, sizeof ram);
    memory = ram;
    memory_size = sizeof ram;
    memset(fadt, 0, sizeof fadt);
    uint32_t timer = 0x608;
    memcpy(fadt + 76 - 36, &timer, 4);
    static const uint32_t rsdt[] = {FADT_AT, 0, 0xfffffff0, MADT_AT};
    static const uint64_t xsdt[] = {FADT_AT, ~0ul, MADT_AT};
    table(FADT_AT, "FACP", fadt, sizeof fadt);
    table(MADT_AT, "APIC", usual_madt, sizeof usual_madt);
    table(RSDT_AT, "RSDT", rsdt, sizeof rsdt);
    table(XSDT_AT, "XSDT", xsdt, sizeof xsdt);
    sign(RSDP_AT, "RSD PTR ", 8);
    ram[RSDP_AT + 15] = 2;
    put(RSDP_AT + 16, RSDT_AT, 4);
    put(RSDP_AT + 20, 36, 4);
    put(RSDP_AT + 24, XSDT_AT, 8);
    sum_up(RSDP_AT, 20, 8);
    sum_up(RSDP_AT, 36, 32);
}

static struct acpi_info info;

static const char *read_at(uint64_t rsdp)
{
    memset(&info, 0xa5, sizeof info);
    const char *error = acpi_read(rsdp, &info);
    forget_views();
    return error;
}

static void assert_usual(void)
{
    assert_int_equal(info.lapic, 0xfee00000);
    assert_int_equal(info.cpu_count, 3);
    assert_int_equal(info.cpu[0], 0);
    assert_int_equal(info.cpu[1], 2);
    assert_int_equal(info.cpu[2], 0x100);
    assert_int_equal(info.ioapic_count, 1);
    assert_int_equal(info.ioapic[0].address, 0xfec00000);
    assert_int_equal(info.override_count, 2);
    assert_int_equal(info.override[0].gsi, 2);
    assert_false(info.override[0].level);
    assert_int_equal(info.override[1].gsi, 9);
    assert_true(info.override[1].level);
    assert_false(info.override[1].low);
    assert_int_equal(info.pm_timer, 0x608);
}

static void usual_tables_are_read(void **state)
{
    (void)state;
    build();
    assert_null(read_at(RSDP_AT));
    assert_usual();
}

static void damaged_xsdt_falls_back_to_rsdt(void **state)
{
    (void)state;
    build();
    ram[XSDT_AT + 40] ^= 1;
    assert_null(read_at(RSDP_AT));
    assert_usual();
    ram[RSDT_AT + 40] ^= 1;
    assert_string_equal(read_at(RSDP_AT), "no ACPI root table (XSDT or RSDT)");
}

static void later_fadt_fields_win(void **state)
{
    (void)state;
    build();
    static const uint8_t block[] = {1, 32, 0, 0, 0x08, 0xb0, 0, 0, 0, 0, 0, 0};
    memcpy(&ram[FADT_AT + 208], block, sizeof block); // PM timer at port 0xb008
    sum_up(FADT_AT, 244, 9);
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.pm_timer, 0xb008);
    ram[FADT_AT + 208] = 0; // in memory: of no use
    sum_up(FADT_AT, 244, 9);
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.pm_timer, 0);
}

static void missing_things_have_names(void **state)
{
    (void)state;
    build();
    assert_string_equal(read_at(0x500), "no ACPI root pointer (RSDP)");
    sign(MADT_AT, "APIX", 4);
    assert_string_equal(read_at(RSDP_AT), "no ACPI table of interrupt controllers (MADT)");
    build();
    table(MADT_AT, "APIC", usual_madt, 8);
    assert_string_equal(read_at(RSDP_AT), "no IOAPIC");
    table(MADT_AT, "APIC", usual_madt, 4);
    assert_non_null(read_at(RSDP_AT));
    static const uint8_t endless[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1};
    table(MADT_AT, "APIC", endless, sizeof endless);
    assert_non_null(read_at(RSDP_AT));
    build();
    ram[FADT_AT] = 'X'; // no FADT: no PM timer, but the CPU may tell its frequency
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.pm_timer, 0);
}

static void flip_every_bit_of(uint64_t at, size_t length)
{
    for (size_t i = 0; i < length; i++)
        for (int bit = 0; bit < 8; bit++) {
            ram[at + i] ^= (uint8_t)(1 << bit);
            (void)read_at(RSDP_AT);
            assert_true(info.cpu_count <= MAX_CPUS && info.ioapic_count <= ACPI_IOAPICS_MAX);
            ram[at + i] ^= (uint8_t)(1 << bit);
        }
}

// With checksums that always fit: the lengths and offsets inside are on their own.
static void every_flipped_bit_is_survived(void **state)
{
    (void)state;
    build();
    mend = true;
    flip_every_bit_of(RSDP_AT, 36);
    flip_every_bit_of(XSDT_AT, 36 + 32);
    flip_every_bit_of(MADT_AT, 36 + sizeof usual_madt);
    flip_every_bit_of(FADT_AT, 244);
    mend = false;
}

static void more_cpus_than_we_hold_are_counted(void **state)
{
    (void)state;
    static uint8_t body[8 + (MAX_CPUS + 5) * 16 + 12];
    memcpy(body, usual_madt, 8);
    memcpy(body + 8, (uint8_t[]){1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}, 12);
    for (uint32_t i = 0; i < MAX_CPUS + 5; i++)
        memcpy(body + 20 + i * 16, (uint32_t[]){0x1009, i * 3, 1, i}, 16);
    build();
    table(MADT_AT, "APIC", body, sizeof body);
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.cpu_count, MAX_CPUS);
    assert_int_equal(info.cpus_ignored, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_tables_are_read),         cmocka_unit_test(damaged_xsdt_falls_back_to_rsdt),
        cmocka_unit_test(later_fadt_fields_win),         cmocka_unit_test(missing_things_have_names),
        cmocka_unit_test(every_flipped_bit_is_survived), cmocka_unit_test(more_cpus_than_we_hold_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
