// How the supervisor finds PCI functions, their memory and their interrupts
// SPDX-License-Identifier: MIT
//
// LINK: servers/init/pci.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "servers/init/pci.h"

enum { BRIDGE = 1, MANY = 0x80, FUNCTIONS = 65536, DWORDS = 16 };
#define AT(bus, device, function) ((bus) << 8 | (device) << 3 | (function))

// Zero: no such function.
static uint32_t space[FUNCTIONS][DWORDS];
static struct pci_functions found;

static uint32_t read_space(uint32_t which, uint32_t offset)
{
    return space[which][0] ? space[which][offset / 4] : UINT32_MAX;
}

static int empty(void **state)
{
    (void)state;
    memset(space, 0, sizeof space);
    return 0;
}

static void add(uint32_t function, uint32_t id, uint32_t type)
{
    space[function][0] = id;
    space[function][3] = type << 16;
}

static void add_bridge(uint32_t function, uint32_t secondary)
{
    add(function, 0x00018086, BRIDGE);
    space[function][6] = (function >> 8) | secondary << 8 | 0xff0000;
}

static void scans(void **state)
{
    (void)state;
    add(AT(0, 0, 0), 0x12378086, 0);
    add(AT(0, 0, 3), 0x77777777, 0); // an alias of the only function
    add(AT(0, 1, 0), 0x70008086, MANY);
    add(AT(0, 1, 1), 0x70108086, 0);
    add(AT(0, 31, 0), 0x10421af4, 0);
    add(AT(9, 0, 0), 0x10421af4, 0); // behind no bridge
    pci_scan(read_space, &found);
    assert_int_equal(found.count, 4);
    uint16_t function = 0;
    assert_true(pci_find(&found, 0x70108086, 0, &function));
    assert_int_equal(function, AT(0, 1, 1));
    assert_true(pci_find(&found, 0x10421af4, 0, &function));
    assert_int_equal(function, AT(0, 31, 0));
    assert_false(pci_find(&found, 0x10421af4, 1, &function));
    assert_false(pci_find(&found, 0x77777777, 0, &function));
}

static void bridges(void **state)
{
    (void)state;
    uint16_t function = 0;
    add_bridge(AT(0, 2, 0), 5);
    add(AT(0, 3, 0), 0x10421af4, 0);
    add_bridge(AT(5, 0, 0), 6);
    add_bridge(AT(5, 1, 0), 6);
    add_bridge(AT(5, 2, 0), 5); // to itself
    add_bridge(AT(5, 3, 0), 0); // and back
    add(AT(6, 4, 0), 0x10421af4, 0);
    pci_scan(read_space, &found);
    assert_int_equal(found.count, 7);
    assert_true(pci_find(&found, 0x10421af4, 1, &function));
    assert_int_equal(function, AT(6, 4, 0));
}

static void more_than_fit(void **state)
{
    (void)state;
    for (uint32_t bus = 0; bus < 3; bus++)
        for (uint32_t device = 0; device < 32; device++)
            for (uint32_t function = 0; function < 8; function++)
                add(AT(bus, device, function), 0x10421af4, MANY);
    pci_scan(read_space, &found);
    assert_int_equal(found.count, PCI_FUNCTIONS_MAX);
}

static void bars(void **state)
{
    (void)state;
    uint64_t address = 0;
    uint32_t *bar = &space[0][4];
    add(0, 0x10421af4, 0);
    bar[0] = 0xc001; // ports
    bar[1] = 0xfebd1000;
    bar[2] = 0xfebd1800;
    bar[3] = 0xfe00000c; // prefetchable, 64 bits
    bar[4] = 0;
    bar[5] = 0xfe000004;
    assert_string_equal(pci_bar(read_space, 0, 0, &address), "is one of ports");
    assert_null(pci_bar(read_space, 0, 1, &address));
    assert_int_equal(address, 0xfebd1000);
    assert_string_equal(pci_bar(read_space, 0, 2, &address), "does not begin at a page");
    assert_null(pci_bar(read_space, 0, 3, &address));
    assert_int_equal(address, 0xfe000000);
    bar[4] = 1;
    assert_string_equal(pci_bar(read_space, 0, 3, &address), "lies above 4 GiB");
    bar[3] = 0;
    assert_string_equal(pci_bar(read_space, 0, 3, &address), "was given no address by the firmware");
    assert_string_equal(pci_bar(read_space, 0, 5, &address), "has no upper half");
}

static void interrupts(void **state)
{
    (void)state;
    uint32_t gsi = 0;
    add(0, 0x10421af4, 0);
    space[0][15] = 0x010b;
    assert_null(pci_interrupt(read_space, 0, &gsi));
    assert_int_equal(gsi, 11);
    space[0][15] = 0x000b;
    assert_string_equal(pci_interrupt(read_space, 0, &gsi), "has no interrupt pin");
    space[0][15] = 0x01ff;
    assert_string_equal(pci_interrupt(read_space, 0, &gsi), "was given no interrupt line by the firmware");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(scans, empty), cmocka_unit_test_setup(bridges, empty),
        cmocka_unit_test_setup(more_than_fit, empty), cmocka_unit_test_setup(bars, empty),
        cmocka_unit_test_setup(interrupts, empty)};
    return cmocka_run_group_tests_name("PCI functions", tests, NULL, NULL);
}
