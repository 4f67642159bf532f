// PCI configuration mechanism 1, configuration space, BAR sizing, capabilities, interrupt wiring
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c servers/vmm/dev/port_device.c
// LINK: servers/vmm/dev/reset_control.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/vmm/dev/pci_host.h"
#include "servers/vmm/dev/reset_control.h"

static struct {
    struct pci_host pci;
    struct reset_control reset;
} machine;

static struct pci_host *const pci = &machine.pci;

static const struct port_device ports[] = {
    {0xcfc, 0xcff, PORT_ANY, 0, pci_data_read, pci_data_write},
    {0xcf8, 0xcfb, PORT_DWORD, 0, pci_address_read, pci_address_write},
    {0xcf9, 0xcf9, PORT_BYTE, sizeof(struct pci_host), reset_control_read, reset_control_write},
};

static const struct pci_identity identity = {.vendor = 0x1af4,
                                             .device = 0x1042,
                                             .class_code = 0x010000,
                                             .revision = 1,
                                             .subsystem_vendor = 0x1af4,
                                             .subsystem = 0x1100};

static uint32_t out(uint16_t port, uint8_t size, uint32_t value)
{
    struct io_access io = {.port = port, .size = size, .value = value};
    return port_write(ports, 3, &machine, &io, 0);
}

static uint32_t in(uint16_t port, uint8_t size)
{
    struct io_access io = {.port = port, .size = size};
    return port_read(ports, 3, &machine, &io, 0).value;
}

static uint32_t address(uint8_t bus, uint8_t devfn, uint8_t reg)
{
    return UINT32_C(1) << 31 | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (reg & 0xfc);
}

static uint32_t get(uint8_t devfn, uint8_t reg, uint8_t size)
{
    out(0xcf8, 4, address(0, devfn, reg));
    return in(0xcfc + (reg & 3), size);
}

static uint32_t set(uint8_t devfn, uint8_t reg, uint8_t size, uint32_t value)
{
    out(0xcf8, 4, address(0, devfn, reg));
    return out(0xcfc + (reg & 3), size, value);
}

static int setup(void **state)
{
    (void)state;
    pci_host_init(pci);
    reset_control_reset(&machine.reset);
    return 0;
}

static void test_address_register_is_a_dword_only(void **state)
{
    (void)state;
    out(0xcf8, 4, 0xffffffff);
    assert_int_equal(in(0xcf8, 4), 0x80fffffc); // reserved bits read as zero
    out(0xcfb, 1, 0x01);                        // Linux does this before it trusts the mechanism
    assert_int_equal(in(0xcf8, 4), 0x80fffffc);
    out(0xcf8, 2, 0x1234);
    assert_int_equal(in(0xcf8, 4), 0x80fffffc);
    assert_int_equal(in(0xcf8, 2), machine.reset.cf9 << 8 | 0xff);
    assert_int_equal(in(0xcfa, 2), 0xffff);
    assert_int_equal(out(0xcf9, 1, 0x06), PORT_RESET); // the neighbour's byte in the same dword
    assert_int_equal(in(0xcf8, 4), 0x80fffffc);
    assert_int_equal(out(0xcf8, 4, 0x80000600), 0); // a dword there resets nothing
    assert_int_equal(in(0xcf9, 1), 0x06);
}

static void test_bridges(void **state)
{
    (void)state;
    assert_int_equal(get(0, PCI_ID, 4), 0x12378086);
    assert_int_equal(get(0, 0x0a, 2), 0x0600);
    assert_int_equal(get(PCI_DEVFN_ISA, PCI_ID, 4), 0x70008086);
    assert_int_equal(get(PCI_DEVFN_ISA, 0x0a, 2), 0x0601);
    assert_int_equal(get(PCI_DEVFN_ISA, 0x0e, 1), 0x00);
    assert_int_equal(get(PCI_DEVFN_ISA, PCI_COMMAND, 2), 0x0007);
    set(PCI_DEVFN_ISA, PCI_COMMAND, 2, 0);
    assert_int_equal(get(PCI_DEVFN_ISA, PCI_COMMAND, 2), 0x0007);
    set(PCI_DEVFN_ISA, 0x60, 1, 0xff);
    assert_int_equal(get(PCI_DEVFN_ISA, 0x60, 4), 0x8080808f);
}

static void test_nobody_there(void **state)
{
    (void)state;
    assert_int_equal(get(5 << 3, PCI_ID, 4), 0xffffffff);
    assert_int_equal(get(1, PCI_ID, 4), 0xffffffff);
    assert_int_equal(get(PCI_DEVFN_ISA + 1, PCI_ID, 2), 0xffff);
    assert_int_equal(set(5 << 3, PCI_COMMAND, 4, 0xffff), 0);
    out(0xcf8, 4, address(1, 0, 0)); // another bus
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
    out(0xcf8, 4, 0); // mechanism off
    assert_int_equal(in(0xcfc, 1), 0xff);
    assert_int_equal(in(0xcfc, 4), 0xffffffff);
}

static void test_partial_accesses(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    pci_function_define(fn, 0x40, 0, 0xffffffff);
    assert_int_equal(get(3 << 3, 1, 1), 0x1a);
    assert_int_equal(get(3 << 3, 2, 2), 0x1042);
    assert_int_equal(get(3 << 3, PCI_SUBSYSTEM, 4), 0x11001af4);
    set(3 << 3, 0x40, 4, 0x11223344);
    set(3 << 3, 0x41, 1, 0xaa);
    set(3 << 3, 0x42, 2, 0xbbcc);
    assert_int_equal(get(3 << 3, 0x40, 4), 0xbbccaa44);
    assert_int_equal(get(3 << 3, 0x43, 1), 0xbb);
    out(0xcf8, 4, address(0, 3 << 3, 0x40));
    assert_int_equal(in(0xcfd, 2), 0xccaa);          // in the middle of the dword
    assert_int_equal(in(0xcfe, 4) & 0xffff, 0xbbcc); // leaves it: split in halves, the upper one is nobody's
    assert_int_equal(in(0xcfe, 4) >> 16, 0xffff);
}

static void test_read_only_and_write_one_to_clear(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    set(3 << 3, PCI_ID, 4, 0);
    set(3 << 3, PCI_CLASS, 4, 0);
    assert_int_equal(get(3 << 3, PCI_ID, 4), 0x10421af4);
    assert_int_equal(get(3 << 3, PCI_CLASS, 4), 0x01000001);
    set(3 << 3, PCI_COMMAND, 2, 0xffff);
    assert_int_equal(get(3 << 3, PCI_COMMAND, 2), 0x0544); // no BAR: neither I/O nor memory
    fn->value[PCI_COMMAND / 4] |= UINT32_C(0x2800) << 16;  // master abort and target abort seen
    set(3 << 3, PCI_COMMAND, 4, 0x08000000);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0x2000);
    set(3 << 3, PCI_STATUS, 2, 0);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0x2000);
    set(3 << 3, PCI_STATUS + 1, 1, 0x20);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0);
}

static void test_bar_sizing(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    assert_true(pci_function_add_bar(fn, 0, PCI_BAR_IO, 64));
    assert_true(pci_function_add_bar(fn, 1, PCI_BAR_MEMORY32, 4096));
    assert_true(pci_function_add_bar(fn, 2, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCHABLE, UINT64_C(1) << 33));
    static const struct {
        uint32_t fresh, sized;
    } expected[] = {{1, 0xffffffc1}, {0, 0xfffff000}, {0xc, 0x0000000c}, {0, 0xfffffffe}, {0, 0}, {0, 0}};
    for (uint8_t i = 0; i < 6; i++) {
        uint8_t reg = (uint8_t)(PCI_BAR0 + 4 * i);
        assert_int_equal(get(3 << 3, reg, 4), expected[i].fresh);
        set(3 << 3, reg, 4, 0xffffffff);
        assert_int_equal(get(3 << 3, reg, 4), expected[i].sized);
        set(3 << 3, reg, 4, 0);
        assert_int_equal(get(3 << 3, reg, 4), expected[i].fresh);
    }
}

static void expect_window(const struct pci_function *fn, unsigned bar, uint64_t base, uint64_t size, bool io)
{
    struct pci_window w;
    assert_true(pci_function_window(fn, bar, &w));
    assert_true(w.base == base && w.size == size && w.io == io);
}

static void test_windows(void **state)
{
    (void)state;
    struct pci_window w;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    pci_function_add_bar(fn, 0, PCI_BAR_IO, 64);
    pci_function_add_bar(fn, 1, PCI_BAR_MEMORY32, 4096);
    pci_function_add_bar(fn, 2, PCI_BAR_MEMORY64, 1 << 20);
    pci_function_place(fn, 0, 0xc040);
    assert_int_equal(set(3 << 3, 0x14, 4, 0xfebf0fff), PORT_DECODE);
    assert_int_equal(set(3 << 3, 0x14, 4, 0xfebf0000), 0); // the same place
    pci_function_place(fn, 2, UINT64_C(0x8000000000));
    for (unsigned i = 0; i < 6; i++)
        assert_false(pci_function_window(fn, i, &w)); // decoding is off
    assert_int_equal(set(3 << 3, PCI_COMMAND, 2, PCI_COMMAND_IO), PORT_DECODE);
    expect_window(fn, 0, 0xc040, 64, true);
    assert_false(pci_function_window(fn, 1, &w));
    set(3 << 3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    assert_false(pci_function_window(fn, 0, &w));
    expect_window(fn, 1, 0xfebf0000, 4096, false);
    expect_window(fn, 2, UINT64_C(0x8000000000), 1 << 20, false);
    assert_false(pci_function_window(fn, 3, &w)); // the upper half is no window of its own
    set(3 << 3, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    pci_function_place(fn, 0, 0x1ffc0);
    assert_false(pci_function_window(fn, 0, &w)); // beyond the ports of a PC
    pci_function_place(fn, 0, 0xffc0);
    expect_window(fn, 0, 0xffc0, 64, true); // up to the very last
    pci_function_place(fn, 1, 0);
    assert_false(pci_function_window(fn, 1, &w));
}

static void test_bars_that_do_not_fit(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_IO, 2));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_IO, 48));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_IO | PCI_BAR_PREFETCHABLE, 16));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_MEMORY32, 0));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_MEMORY32, 8));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_MEMORY32, UINT64_C(1) << 32));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_NONE, 16));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_UPPER_HALF, 16));
    assert_false(pci_function_add_bar(fn, 5, PCI_BAR_MEMORY64, 16));
    assert_false(pci_function_add_bar(fn, 6, PCI_BAR_IO, 16));
    assert_true(pci_function_add_bar(fn, 1, PCI_BAR_MEMORY32, 16));
    assert_false(pci_function_add_bar(fn, 0, PCI_BAR_MEMORY64, 16));
    assert_false(pci_function_add_bar(fn, 1, PCI_BAR_IO, 16));
}

static void test_capability_list(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0);
    uint8_t a = pci_function_add_capability(fn, 0x09, 13), b = pci_function_add_capability(fn, 0x05, 24);
    assert_int_equal(a, 0x40);
    assert_int_equal(b, 0x50);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0x10);
    assert_int_equal(get(3 << 3, PCI_CAPABILITIES, 1), a);
    assert_int_equal(get(3 << 3, a, 2), b << 8 | 0x09);
    assert_int_equal(get(3 << 3, b, 2), 0x05);
    assert_int_equal(pci_function_add_capability(fn, 9, 256 - b - 24 + 1), 0);
    assert_int_equal(pci_function_add_capability(fn, 9, 1), 0);
    assert_int_equal(pci_function_add_capability(fn, 9, 256 - b - 24), b + 24); // fills it to the brim
    assert_int_equal(pci_function_add_capability(fn, 9, 4), 0);
    set(3 << 3, a, 4, 0xffffffff);
    assert_int_equal(get(3 << 3, a, 4), b << 8 | 0x09); // read-only unless defined otherwise
}

static void test_msix(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    struct pci_msix_layout layout = {.vectors = 5, .table_bar = 1, .pba_bar = 1, .pba_offset = 0x800};
    assert_false(pci_function_add_msix(fn, &layout)); // no such BAR yet
    pci_function_add_bar(fn, 0, PCI_BAR_IO, 64);
    pci_function_add_bar(fn, 1, PCI_BAR_MEMORY32, 4096);
    layout.pba_offset = 0x1000;
    assert_false(pci_function_add_msix(fn, &layout));
    layout.pba_offset = 0x804;
    assert_false(pci_function_add_msix(fn, &layout));
    layout.pba_offset = 0x800;
    layout.table_bar = 0;
    assert_false(pci_function_add_msix(fn, &layout)); // in I/O space
    layout.table_bar = 1;
    assert_true(pci_function_add_msix(fn, &layout));
    assert_false(pci_function_add_msix(fn, &layout)); // one a function
    assert_int_equal(get(3 << 3, 0x40, 4), 0x00040011);
    assert_int_equal(get(3 << 3, 0x44, 4), 0x00000001);
    assert_int_equal(get(3 << 3, 0x48, 4), 0x00000801);
    assert_int_equal(set(3 << 3, 0x42, 2, 0xffff), PORT_FUNCTION | PORT_LINE);
    assert_int_equal(get(3 << 3, 0x42, 2), 0xc004); // enable and mask alone
    assert_true(pci_function_msix_enabled(fn) && pci_function_msix_masked(fn));
    assert_int_equal(set(3 << 3, 0x42, 2, 0x8000), PORT_FUNCTION | PORT_LINE);
    assert_true(pci_function_msix_enabled(fn) && !pci_function_msix_masked(fn));
}

static void test_intx(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    struct pci_function *other = pci_host_add(pci, (3 << 3) + 1, &identity);
    pci_function_add_pin(fn, 1);
    pci_function_add_pin(other, 2);
    assert_int_equal(get(3 << 3, PCI_INTERRUPT, 2), 0x0100);
    set(3 << 3, PCI_INTERRUPT, 2, 0xff0b); // the line is the guest's note, the pin is wired
    assert_int_equal(get(3 << 3, PCI_INTERRUPT, 2), 0x010b);
    pci_function_drive_intx(fn, true);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0x08);
    assert_int_equal(pci_host_lines(pci), 1U << 19 | 1U << 11);
    pci_function_drive_intx(other, true);
    assert_int_equal(pci_host_lines(pci), 1U << 19 | 1U << 11 | 1U << 20 | 1U << 10);
    assert_int_equal(set(3 << 3, PCI_COMMAND, 2, PCI_COMMAND_INTX_OFF), PORT_LINE);
    assert_int_equal(pci_host_lines(pci), 1U << 20 | 1U << 10);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0x08); // the status shows the device, not the pin
    pci_function_drive_intx(fn, false);
    assert_int_equal(get(3 << 3, PCI_STATUS, 2), 0);
    for (unsigned device = 0; device < 32; device++)
        for (unsigned pin = 0; pin < 4; pin++) {
            assert_in_range(pci_intx_gsi((uint8_t)(device << 3), pin), 16, 23);
            assert_in_range(pci_intx_irq((uint8_t)(device << 3), pin), 10, 11);
        }
}

static void test_multifunction(void **state)
{
    (void)state;
    pci_host_add(pci, 3 << 3, &identity);
    assert_int_equal(get(3 << 3, 0x0e, 1), 0x00);
    pci_host_add(pci, (3 << 3) + 7, &identity);
    assert_int_equal(get(3 << 3, 0x0e, 1), 0x80);
    pci_host_add(pci, (4 << 3) + 1, &identity); // function 0 comes last
    pci_host_add(pci, 4 << 3, &identity);
    assert_int_equal(get(4 << 3, 0x0e, 1), 0x80);
    pci_host_reset(pci);
    assert_int_equal(get(4 << 3, 0x0e, 1), 0x80);
}

static void test_full_bus(void **state)
{
    (void)state;
    assert_null(pci_host_add(pci, 0, &identity));
    unsigned added = 2;
    for (unsigned devfn = 16; devfn < 256; devfn++)
        added += pci_host_add(pci, (uint8_t)devfn, &identity) != NULL;
    assert_int_equal(added, PCI_FUNCTIONS);
    assert_int_equal(get(255, PCI_ID, 4), 0xffffffff);
    assert_int_equal(get(16, PCI_ID, 4), 0x10421af4);
}

static void test_reset(void **state)
{
    (void)state;
    struct pci_function *fn = pci_host_add(pci, 3 << 3, &identity);
    pci_function_add_bar(fn, 0, PCI_BAR_MEMORY32, 4096);
    pci_function_add_msix(fn, &(struct pci_msix_layout){.vectors = 1, .pba_offset = 0x800});
    pci_function_place(fn, 0, 0xfebf0000);
    assert_int_equal(set(3 << 3, PCI_COMMAND, 2, 6), PORT_DECODE | PORT_FUNCTION);
    assert_true(pci_function_master(fn));
    set(3 << 3, 0x42, 2, 0x8000);
    pci_function_drive_intx(fn, true);
    pci_host_reset(pci);
    assert_int_equal(in(0xcf8, 4), 0);
    assert_int_equal(get(3 << 3, PCI_COMMAND, 4), 0x00100000);
    assert_int_equal(get(3 << 3, PCI_BAR0, 4), 0);
    assert_false(pci_function_msix_enabled(fn) || pci_function_intx(fn) || pci_function_master(fn));
    assert_int_equal(get(3 << 3, 0x40, 4), 0x11);
    set(3 << 3, PCI_BAR0, 4, 0xffffffff);
    assert_int_equal(get(3 << 3, PCI_BAR0, 4), 0xfffff000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_address_register_is_a_dword_only, setup),
        cmocka_unit_test_setup(test_bridges, setup),
        cmocka_unit_test_setup(test_nobody_there, setup),
        cmocka_unit_test_setup(test_partial_accesses, setup),
        cmocka_unit_test_setup(test_read_only_and_write_one_to_clear, setup),
        cmocka_unit_test_setup(test_bar_sizing, setup),
        cmocka_unit_test_setup(test_windows, setup),
        cmocka_unit_test_setup(test_bars_that_do_not_fit, setup),
        cmocka_unit_test_setup(test_capability_list, setup),
        cmocka_unit_test_setup(test_msix, setup),
        cmocka_unit_test_setup(test_intx, setup),
        cmocka_unit_test_setup(test_multifunction, setup),
        cmocka_unit_test_setup(test_full_bus, setup),
        cmocka_unit_test_setup(test_reset, setup),
    };
    return cmocka_run_group_tests_name("pci_host", tests, NULL, NULL);
}
