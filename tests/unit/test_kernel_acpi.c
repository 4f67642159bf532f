// ACPI: what a PC's tables give, and what damaged ones do
// SPDX-License-Identifier: MIT
// LINK: kernel/platform/acpi.c kernel/platform/madt.c

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/platform/acpi.h"
#include "tests/unit/acpi_memory.h"

#define MEMORY  0x100000
#define RSDP_AT 0xf1230 // where a BIOS leaves it
#define RSDT_AT 0x1000
#define XSDT_AT 0x1800
#define MADT_AT 0x2000
#define FADT_AT 0x3000
#define DSDT_AT 0x4000
#define SSDT_AT 0x5000
#define LATE_AT 0x6000

static uint8_t ram[MEMORY];

static void put(uint64_t at, uint64_t value, size_t size)
{
    memcpy(&ram[at], &value, size);
}

static void sign(uint64_t at, const char *signature, size_t length)
{
    memcpy(&ram[at], signature, length);
}

static void sum_up(uint64_t at, size_t length, size_t checksum)
{
    ram[at + checksum] = 0;
    mend_sum(&ram[at], length, checksum);
}

static void table(uint64_t at, const char *signature, const void *body, size_t size)
{
    memset(&ram[at], 0, 36);
    sign(at, signature, 4);
    put(at + 4, 36 + size, 4);
    memcpy(&ram[at + 36], body, size);
    sum_up(at, 36 + size, 9);
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
    2,    10,   0,    200,  9,    0,    0,    0,    0x0d, 0,                   // no such IRQ
    4,    6,    0xff, 0,    0,    1,                                           // NMI: LINT1 of all
    4,    6,    1,    0,    0,    77,                                          // no such LINT
    77,   4,    1,    2,                                                       // unknown
};

// Name (_S5_, Package (4) {5, 5, 0, 0}) after a byte of something else.
static const uint8_t usual_dsdt[] = {0x10, 0x08, '_', 'S',  '5', '_', 0x12, 0x08,
                                     4,    0x0a, 5,   0x0a, 6,   0,   0,    0};

static void build(void)
{
    static uint8_t fadt[244 - 36];
    memset(ram, 0, sizeof ram);
    memory = ram;
    memory_size = sizeof ram;
    memset(fadt, 0, sizeof fadt);
    uint32_t dsdt = DSDT_AT, pm1a = 0x604, timer = 0x608, flags = 1u << 10 | 1u << 8;
    memcpy(fadt + 40 - 36, &dsdt, 4);
    fadt[46 - 36] = 9;
    memcpy(fadt + 64 - 36, &pm1a, 4);
    memcpy(fadt + 76 - 36, &timer, 4);
    memcpy(fadt + 112 - 36, &flags, 4);
    static const uint8_t reset[] = {1, 8, 0, 0, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0, 0x0f};
    memcpy(fadt + 116 - 36, reset, sizeof reset);
    static const uint32_t rsdt[] = {FADT_AT, 0, 0xfffffff0, MADT_AT, SSDT_AT};
    static const uint64_t xsdt[] = {FADT_AT, ~0ul, MADT_AT, SSDT_AT};
    table(FADT_AT, "FACP", fadt, sizeof fadt);
    table(MADT_AT, "APIC", usual_madt, sizeof usual_madt);
    table(DSDT_AT, "DSDT", usual_dsdt, sizeof usual_dsdt);
    table(SSDT_AT, "SSDT", "", 0);
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
    temp_unmap();
    return error;
}

static void assert_usual(void)
{
    assert_int_equal(info.lapic, 0xfee00000);
    assert_true(info.has_8259);
    assert_int_equal(info.cpu_count, 3);
    assert_int_equal(info.cpu[1].apic_id, 2);
    assert_int_equal(info.cpu[2].apic_id, 0x100);
    assert_int_equal(info.cpu[2].uid, 7);
    assert_int_equal(info.ioapic_count, 1);
    assert_int_equal(info.ioapic[0].address, 0xfec00000);
    assert_int_equal(info.isa[0].gsi, 2);
    assert_int_equal(info.isa[1].gsi, 1);
    assert_int_equal(info.isa[9].flags, 0x0d);
    assert_int_equal(info.nmi_count, 1);
    assert_int_equal(info.nmi[0].uid, ACPI_ALL_CPUS);
    assert_int_equal(info.nmi[0].lint, 1);
    assert_int_equal(info.pm_timer, 0x608);
    assert_true(info.pm_timer_32);
    assert_int_equal(info.sci, 9);
    assert_int_equal(info.pm1_control[0], 0x604);
    assert_int_equal(info.pm1_control[1], 0);
    assert_int_equal(info.sleep_type[0], 5);
    assert_int_equal(info.sleep_type[1], 6);
    assert_true(info.can_reset);
    assert_int_equal(info.reset.address, 0xcf9);
    assert_int_equal(info.reset_value, 0x0f);
}

static void usual_tables_by_each_way(void **state)
{
    (void)state;
    build();
    assert_null(read_at(RSDP_AT));
    assert_usual();
    assert_null(read_at(0)); // found in the BIOS's area
    assert_usual();
    memcpy(&ram[0x9fc00], &ram[RSDP_AT], 36); // found in the EBDA
    memset(&ram[RSDP_AT], 0, 36);
    put(0x40e, 0x9fc0, 2);
    assert_null(read_at(0));
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
    static const uint8_t block[] = {1, 32, 0, 0, 0x08, 0xb0, 0, 0, 0, 0, 0, 0},
                         far[] = {0, 32, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0};
    memcpy(&ram[FADT_AT + 208], block, sizeof block); // PM timer at port 0xb008
    memcpy(&ram[FADT_AT + 172], far, sizeof far);     // PM1a control in memory: of no use
    put(FADT_AT + 140, LATE_AT, 8);
    table(LATE_AT, "DSDT", "\x08\\_S5_\x12\x44\x01\x02\x01\x00", 12);
    sum_up(FADT_AT, 244, 9);
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.pm_timer, 0xb008);
    assert_int_equal(info.pm1_control[0], 0);
    assert_int_equal(info.sleep_type[0], 1);
    assert_int_equal(info.sleep_type[1], 0);
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
    ram[FADT_AT] = 'X'; // no FADT: no PM timer, no sleep, but the machine is usable
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.pm_timer, 0);
    assert_int_equal(info.sleep_type[0], ACPI_NO_SLEEP);
    assert_false(info.can_reset);
}

static void every_cut_of_s5_is_survived(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof usual_dsdt; size++) {
        build();
        table(DSDT_AT, "DSDT", usual_dsdt, size);
        assert_null(read_at(RSDP_AT));
        assert_true(info.sleep_type[0] == 5 || info.sleep_type[0] == ACPI_NO_SLEEP);
    }
}

static void s5_in_an_ssdt_is_found(void **state)
{
    (void)state;
    build();
    table(DSDT_AT, "DSDT", "_S5_", 4);
    table(SSDT_AT, "SSDT", usual_dsdt, sizeof usual_dsdt);
    assert_null(read_at(RSDP_AT));
    assert_int_equal(info.sleep_type[0], 5);
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
    flip_every_bit_of(DSDT_AT, 36 + sizeof usual_dsdt);
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
        cmocka_unit_test(usual_tables_by_each_way),      cmocka_unit_test(damaged_xsdt_falls_back_to_rsdt),
        cmocka_unit_test(later_fadt_fields_win),         cmocka_unit_test(missing_things_have_names),
        cmocka_unit_test(every_cut_of_s5_is_survived),   cmocka_unit_test(s5_in_an_ssdt_is_found),
        cmocka_unit_test(every_flipped_bit_is_survived), cmocka_unit_test(more_cpus_than_we_hold_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
