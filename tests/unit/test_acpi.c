// The ACPI tables: found as a guest finds them, checked by hand and by ACPICA's compiler and interpreter
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/acpi/acpi.c servers/vmm/acpi/aml.c servers/vmm/acpi/dsdt.c
// LINK: servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
//
// iasl takes every table apart and builds it again: without a remark, and with the same bytes. acpiexec,
// which is ACPICA's interpreter as a program, then loads the DSDT as a guest would and evaluates what is in
// it. Both belong to the package acpica-tools; without them the test fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "servers/vmm/acpi/acpi.h"
#include "servers/vmm/acpi/format.h"
#include "servers/vmm/dev/pm.h"
#include "servers/vmm/dev/reset_control.h"

enum { IMAGE = 1 << 20, GPA = 0xe0000 };

static const struct acpi_config usual = {
    .gpa = GPA,
    .cpus = 1,
    .pci_devices = UINT32_MAX,
    .pci_memory = 0xc0000000,
    .pci_memory_last = 0xfebfffff,
    .com1 = true,
};

static uint8_t image[IMAGE];
static char folder[] = "/tmp/bulkhead-acpi-XXXXXX";
static char text[1 << 20];

static size_t build(const struct acpi_config *config)
{
    memset(image, 0xa5, sizeof(image));
    return acpi_build(image, sizeof(image), config);
}

static uint8_t sum(const void *data, size_t size)
{
    uint8_t total = 0;
    for (size_t i = 0; i < size; i++)
        total = (uint8_t)(total + ((const uint8_t *)data)[i]);
    return total;
}

static const void *at(uint64_t gpa)
{
    assert_in_range(gpa, GPA, GPA + IMAGE - 1);
    return image + (gpa - GPA);
}

static const struct acpi_header *checked(uint64_t gpa, const char *signature)
{
    const struct acpi_header *h = at(gpa);
    assert_memory_equal(h->signature, signature, 4);
    assert_int_equal(gpa % 16, 0);
    assert_int_equal(sum(h, h->length), 0);
    return h;
}

static const struct acpi_rsdp *rsdp(void)
{
    const struct acpi_rsdp *r = at(GPA);
    assert_memory_equal(r->signature, "RSD PTR ", 8);
    assert_int_equal(sum(r, 20), 0);
    assert_int_equal(sum(r, 36), 0);
    return r;
}

// By the XSDT; the RSDT must name the same tables.
static const struct acpi_header *table(const char *signature)
{
    const struct acpi_rsdp *r = rsdp();
    const struct acpi_header *xsdt = checked(r->xsdt, "XSDT"), *rsdt = checked(r->rsdt, "RSDT");
    size_t n = (xsdt->length - sizeof(*xsdt)) / 8;
    assert_int_equal((rsdt->length - sizeof(*rsdt)) / 4, n);
    const struct acpi_header *found = NULL;
    for (size_t i = 0; i < n; i++) {
        uint64_t wide;
        uint32_t narrow;
        memcpy(&wide, (const uint8_t *)(xsdt + 1) + 8 * i, 8);
        memcpy(&narrow, (const uint8_t *)(rsdt + 1) + 4 * i, 4);
        assert_int_equal(wide, narrow);
        if (!memcmp(at(wide), signature, 4))
            found = checked(wide, signature);
    }
    assert_non_null(found);
    return found;
}

static const struct acpi_fadt *fadt(void)
{
    return (const struct acpi_fadt *)table("FACP");
}

static const struct acpi_header *dsdt(void)
{
    return checked(fadt()->x_dsdt, "DSDT");
}

static void test_root_pointers(void **state)
{
    (void)state;
    size_t size = build(&usual);
    assert_in_range(size, 1, 0x10000);
    assert_int_equal(image[size], 0xa5); // nothing beyond
    assert_int_equal(rsdp()->revision, 2);
    table("FACP");
    table("APIC");
    dsdt();
}

static void test_fadt(void **state)
{
    (void)state;
    build(&usual);
    const struct acpi_fadt *f = fadt();
    assert_int_equal(f->header.length, 276);
    assert_int_equal(f->dsdt, f->x_dsdt);
    assert_int_equal(f->smi_command, 0);
    assert_int_equal(f->sci, 9);
    assert_int_equal(f->pm_timer, PM_TIMER_PORT);
    assert_int_equal(f->x_pm_timer.address, PM_TIMER_PORT);
    assert_int_equal(f->gpe0_bytes * 8, f->x_gpe0.width);
    assert_int_equal(f->pm1_event_bytes * 8, f->x_pm1a_event.width);
    assert_int_equal(f->reset.address, RESET_PORT);
    assert_int_equal(f->century, 0x32);
    assert_int_equal(f->boot_flags & BOOT_8042, 0);
    assert_int_equal(f->boot_flags & BOOT_NO_VGA, BOOT_NO_VGA);
    assert_int_equal(f->flags & FADT_TIMER_32_BITS, FADT_TIMER_32_BITS);
    const struct acpi_facs *facs = at(f->facs);
    assert_memory_equal(facs->signature, "FACS", 4);
    assert_int_equal(f->facs % 64, 0);
    assert_int_equal(facs->length, 64);
}

// Counts the entries of a type; `*last` is the last of them.
static unsigned madt_entries(uint8_t type, const uint8_t **last)
{
    const struct acpi_header *madt = table("APIC");
    const uint8_t *p = (const uint8_t *)madt + sizeof(struct acpi_madt),
                  *end = (const uint8_t *)madt + madt->length;
    unsigned count = 0;
    for (; p < end; p += p[1]) {
        assert_true(p[1] >= 2 && p + p[1] <= end);
        count += p[0] == type;
        if (p[0] == type)
            *last = p;
    }
    assert_ptr_equal(p, end);
    return count;
}

static void test_madt(void **state)
{
    (void)state;
    static const struct {
        uint32_t cpus;
        unsigned xapic, x2apic;
    } machines[] = {{1, 1, 0}, {4, 4, 0}, {255, 255, 0}, {256, 255, 1}, {4096, 255, 3841}};
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        struct acpi_config config = usual;
        const uint8_t *last = NULL;
        config.cpus = machines[i].cpus;
        config.ioapic_id = 7;
        assert_int_not_equal(build(&config), 0);
        assert_int_equal(madt_entries(0, &last), machines[i].xapic);
        assert_int_equal(last[3], machines[i].xapic - 1);
        assert_int_equal(madt_entries(9, &last), machines[i].x2apic);
        assert_int_equal(madt_entries(1, &last), 1);
        assert_int_equal(last[2], 7);
        assert_int_equal(madt_entries(4, &last), 1);
        assert_int_equal(madt_entries(10, &last), machines[i].x2apic > 0);
        assert_int_equal(madt_entries(2, &last), 2);
        const struct madt_override *sci = (const void *)last, *timer = sci - 1;
        assert_int_equal(timer->irq, 0);
        assert_int_equal(timer->gsi, 2);
        assert_int_equal(timer->flags, 0);
        assert_int_equal(sci->irq, 9);
        assert_int_equal(sci->gsi, 9);
        assert_int_equal(sci->flags & 0x0c, 0x0c); // level
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct acpi_config c = usual;
    size_t size = build(&c);
    for (size_t room = 0; room < size; room++) {
        memset(image, 0xa5, sizeof(image));
        assert_int_equal(acpi_build(image, room, &c), 0);
        assert_int_equal(image[room], 0xa5); // and the bytes beyond are untouched
    }
    assert_int_equal(acpi_build(image, size, &c), size);
    c.cpus = 0;
    assert_int_equal(build(&c), 0);
    c.cpus = ACPI_CPUS + 1;
    assert_int_equal(build(&c), 0);
    c = usual;
    c.gpa = GPA + 16;
    assert_int_equal(build(&c), 0);
    c.gpa = UINT64_C(1) << 32;
    assert_int_equal(build(&c), 0);
    c.gpa = (UINT64_C(1) << 32) - 4096;
    assert_int_equal(build(&c), 0);
    c = usual;
    c.pci_memory_last = c.pci_memory - 1;
    assert_int_equal(build(&c), 0);
}

// Runs a command in the test's folder; its output goes to `text`.
static int run(const char *format, ...)
{
    char command[512], shell[640];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    snprintf(shell, sizeof(shell), "cd %s && { %s; } 2>&1 </dev/null", folder, command);
    FILE *pipe = popen(shell, "r"); // NOLINT(cert-env33-c): the command is the test's own
    assert_non_null(pipe);
    size_t n = fread(text, 1, sizeof(text) - 1, pipe);
    text[n] = 0;
    return pclose(pipe);
}

static void store(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t load(const char *name, uint8_t *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(data, 1, size, file);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void expect_text(const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void expect_silence(void)
{
    static const char *const complaints[] = {"Warning ", "Error ",  "Remark ",
                                             "warning",  "Invalid", "Could not"};
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
        if (strstr(text, complaints[i]))
            fail_msg("%s", text);
}

// Disassembled and compiled again, a table is the same but for the compiler's name and the checksum.
static void round_trip(const char *name, const void *data, size_t size, bool has_header)
{
    static uint8_t again[IMAGE];
    static uint8_t once[IMAGE];
    char file[16];
    snprintf(file, sizeof(file), "%s.aml", name);
    store(file, data, size);
    assert_int_equal(run("iasl -d %s.aml", name), 0);
    expect_silence();
    assert_int_equal(run("iasl -p again %s.dsl", name), 0);
    expect_silence();
    expect_text("0 Errors, 0 Warnings, 0 Remarks");
    memcpy(once, data, size);
    assert_int_equal(load("again.aml", again, sizeof(again)), size);
    if (has_header) {
        struct acpi_header *a = (void *)once, *b = (void *)again;
        memcpy(a->creator_id, b->creator_id, 8); // id and revision
        a->checksum = b->checksum;
    }
    assert_memory_equal(once, again, size);
}

static void round_trip_all(void)
{
    const struct acpi_header *tables[] = {dsdt(), table("FACP"), table("APIC"), at(rsdp()->rsdt),
                                          at(rsdp()->xsdt)};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char name[5] = {0};
        memcpy(name, tables[i]->signature, 4);
        round_trip(name, tables[i], tables[i]->length, true);
    }
    round_trip("FACS", at(fadt()->facs), 64, false);
}

static void test_iasl_accepts_all(void **state)
{
    (void)state;
    struct acpi_config c = usual;
    build(&c);
    round_trip_all();
    c = (struct acpi_config){.gpa = GPA,
                             .cpus = 300,
                             .pci_devices = 0x1a,
                             .pci_memory = 0xe0000000,
                             .pci_memory_last = 0xfebfffff,
                             .pci_memory64 = UINT64_C(1) << 36,
                             .pci_memory64_last = (UINT64_C(1) << 37) - 1,
                             .vga = true};
    build(&c);
    round_trip_all();
}

static void interpret(const char *commands)
{
    store("dsdt.aml", dsdt(), dsdt()->length);
    store("commands", commands, strlen(commands));
    assert_int_equal(run("acpiexec dsdt.aml <commands"), 0);
    if (strstr(text, "AE_") || strstr(text, "Error") || strstr(text, "Warning"))
        fail_msg("%s", text);
}

static unsigned occurrences(const char *part)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static void test_interrupt_routing_by_mode(void **state)
{
    (void)state;
    struct acpi_config c = usual;
    c.pci_devices = 1 << 3;
    build(&c);
    interpret("execute \\_SB.PCI0._PRT\nquit\n");
    expect_text("[Package] Contains 4 Elements");
    assert_int_equal(occurrences("[Integer] = 000000000003FFFF"), 4);
    assert_int_equal(occurrences("[Integer] = 000000000000000A"), 2);
    assert_int_equal(occurrences("[Integer] = 000000000000000B"), 2);
    interpret("execute \\_PIC 1\nexecute \\_SB.PCI0._PRT\nquit\n");
    for (unsigned pin = 0; pin < 4; pin++) {
        char gsi[64];
        snprintf(gsi, sizeof(gsi), "[Integer] = %016X", 19 + pin);
        assert_int_equal(occurrences(gsi), 1);
    }
}

static void test_objects(void **state)
{
    (void)state;
    struct acpi_config c = usual;
    c.cpus = 18;
    c.pci_memory64 = UINT64_C(0x800000000);
    c.pci_memory64_last = UINT64_C(0xfffffffff);
    build(&c);
    interpret("namespace\nexecute \\_S5\nquit\n");
    assert_int_equal(occurrences("_UID"), 18 + 1 + 6); // processors, the PCI bus, six ISA devices
    expect_text("C011");
    expect_text("[Integer] = 0000000000000005");
    assert_int_equal(run("iasl -d dsdt.aml && cat dsdt.dsl"), 0);
    expect_text("WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,");
    expect_text("0xC0000000,         // Range Minimum");
    expect_text("0xFEBFFFFF,         // Range Maximum");
    expect_text("0x0000000800000000, // Range Minimum");
    expect_text("0x0000000FFFFFFFFF, // Range Maximum");
    expect_text("EisaId (\"PNP0A03\") /* PCI Bus */");
    expect_text("EisaId (\"PNP0501\") /* 16550A-compatible COM Serial Port */");
    expect_text("0x03F8,             // Range Minimum");
}

static void test_serial_port_can_be_absent(void **state)
{
    (void)state;
    struct acpi_config c = usual;
    c.com1 = false;
    build(&c);
    interpret("namespace\nquit\n");
    assert_int_equal(occurrences("COM1"), 0);
    assert_int_equal(occurrences("RTC_"), 1);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return run("cd / && rm -rf %s", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_pointers),
        cmocka_unit_test(test_fadt),
        cmocka_unit_test(test_madt),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_iasl_accepts_all),
        cmocka_unit_test(test_interrupt_routing_by_mode),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_serial_port_can_be_absent),
    };
    return cmocka_run_group_tests_name("acpi", tests, make_folder, remove_folder);
}
