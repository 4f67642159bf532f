// PCI functions of device servers: what is refused, layout, placement, routes, MSI-X table, indirect window
// SPDX-License-Identifier: MIT
// LINK: servers/vmm/dev/pci_bus.c servers/vmm/dev/pci_layout.c servers/vmm/dev/pci_routes.c
// LINK: servers/vmm/dev/pci_msix.c servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/abi/caps.h"
#include "servers/vmm/dev/pci_bus.h"

enum { FIRST = 3, SECOND = 9, WINDOW_AT = 16, DOORBELLS = 3, VECTORS = 4 };
enum { CAPABILITY = 0x40, WINDOW = CAPABILITY + WINDOW_AT, MSIX = WINDOW + 20 };

static struct pci_bus bus;
static struct pci_host host;
static struct pci_route routes[PCI_ROUTES_MAX];
static unsigned count;

static const struct bus_function good = {
    .vendor = 0x1af4,
    .device = 0x1042,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x010000,
    .revision = 1,
    .pin = 2,
    .vectors = VECTORS,
    .msix_bar = 1,
    .doorbell_bar = 0,
    .doorbells = DOORBELLS,
    .window = WINDOW_AT + 1,
    .capability_bytes = WINDOW_AT + 20,
    .bar = {[0] = {16, BUS_BAR_IO}, [4] = {0x4000, BUS_BAR_MEMORY64}},
    .capability = {[0] = 9, [2] = WINDOW_AT, [3] = 1, [8] = 0x55, [WINDOW_AT] = 9, [WINDOW_AT + 2] = 20},
};

static uint32_t get(unsigned n, unsigned offset, unsigned size)
{
    return pci_function_read(pci_bus_function(&host, n), offset, size);
}

static void set(unsigned n, unsigned offset, unsigned size, uint32_t value)
{
    pci_function_write(pci_bus_function(&host, n), offset, size, value);
}

static void add(unsigned n, const struct bus_function *f)
{
    assert_null(pci_bus_refuses(&bus, n, f));
    bus.function[n] = *f;
    bus.known |= 1U << n;
}

static int two_devices(void **state)
{
    (void)state;
    bus = (struct pci_bus){0};
    pci_host_init(&host);
    add(FIRST, &good);
    add(SECOND, &good);
    pci_bus_power_up(&bus, &host);
    return 0;
}

static const struct pci_route *route_at(uint8_t space, uint64_t address, uint8_t right)
{
    const struct pci_route *found = NULL;
    for (unsigned i = 0; i < count; i++)
        if (routes[i].space == space && routes[i].rights & right && routes[i].first <= address &&
            address <= routes[i].last) {
            assert_null(found); // no two of them overlap
            found = &routes[i];
        }
    return found;
}

static void route(void)
{
    count = pci_routes(&bus, &host, routes);
}

static void decode(unsigned n, uint32_t command)
{
    set(n, PCI_COMMAND, 2, command);
    route();
}

static uint32_t bar(unsigned n, unsigned i)
{
    return get(n, PCI_BAR0 + 4 * i, 4) & ~15U;
}

static void refused(const struct bus_function *f, const char *reason)
{
    const char *why = pci_bus_refuses(&bus, 5, f);
    assert_non_null(why);
    assert_non_null(strstr(why, reason));
}

// The good one, but for a member.
#define REFUSED(member, value, reason)                                                                       \
    {                                                                                                        \
        struct bus_function f = good;                                                                        \
        f.member = (value);                                                                                  \
        refused(&f, reason);                                                                                 \
    }

static void test_what_is_refused(void **state)
{
    (void)state;
    assert_null(pci_bus_refuses(&bus, 5, &good));
    REFUSED(vendor, 0, "identity")
    REFUSED(vendor, 0xffff, "identity")
    REFUSED(class_code, 0x1000000, "identity")
    REFUSED(pin, 5, "pin")
    REFUSED(bar[0].size, 24, "BAR")
    REFUSED(bar[0].size, 0, "BAR")
    REFUSED(bar[0].kind, 4, "BAR")
    REFUSED(bar[0].size, 0x20000, "BAR") // of ports
    REFUSED(bar[4].size, 0x20000000, "BAR")
    REFUSED(bar[2].size, 16, "BAR") // without a kind
    REFUSED(bar[5].kind, BUS_BAR_MEMORY32, "BAR")
    REFUSED(bar[3].kind, BUS_BAR_MEMORY64, "BAR")
}

static void test_what_else_is_refused(void **state)
{
    (void)state;
    REFUSED(doorbells, 9, "doorbells")
    REFUSED(doorbells, 33, "doorbells")
    REFUSED(doorbell_bar, 4, "doorbells")
    REFUSED(doorbell_bar, 6, "doorbells")
    REFUSED(vectors, 65, "MSI-X")
    REFUSED(msix_bar, 0, "MSI-X")
    REFUSED(msix_bar, 5, "MSI-X")
    REFUSED(msix_bar, 6, "MSI-X")
    REFUSED(capability_bytes, 161, "capabilities")
    REFUSED(capability_bytes, WINDOW_AT + 18, "length")
    REFUSED(capability[0], 0, "capability")
    REFUSED(capability[2], 0, "length")
    REFUSED(capability[2], 6, "length")
    REFUSED(capability[WINDOW_AT], 8, "window")
    REFUSED(window, 5, "window")
    REFUSED(window, 1, "window") // that capability is too short
}

static void test_a_bus_that_is_full(void **state)
{
    (void)state;
    struct bus_function f = good;
    f.bar[4].size = 0x10000000;
    for (unsigned n = 10; n < 13; n++)
        add(n, &f);
    assert_string_equal(pci_bus_refuses(&bus, 13, &f),
                        "its BARs are larger than what is left of the bus's windows");
    f = good;
    f.bar[0].size = 64;
    f.doorbells = 32;
    add(13, &f);
    assert_string_equal(pci_bus_refuses(&bus, 14, &f), "more doorbells or BARs than a VM has routes");
}

static void test_layout(void **state)
{
    (void)state;
    assert_int_equal(get(FIRST, PCI_ID, 4), 0x10421af4);
    assert_int_equal(get(FIRST, PCI_CLASS, 4), 0x01000001);
    assert_int_equal(get(FIRST, PCI_SUBSYSTEM, 4), 0x11001af4);
    assert_int_equal(get(FIRST, PCI_CAPABILITIES, 1), CAPABILITY);
    assert_int_equal(get(FIRST, CAPABILITY, 4), 0x01000009 | WINDOW << 8 | WINDOW_AT << 16);
    assert_int_equal(get(FIRST, CAPABILITY + 8, 4), 0x55);
    assert_int_equal(get(FIRST, WINDOW, 2), 9 | MSIX << 8);
    assert_int_equal(get(FIRST, MSIX, 4), 0x11 | (VECTORS - 1) << 16);
    assert_int_equal(get(FIRST, MSIX + 4, 4), 1);
    assert_int_equal(get(FIRST, MSIX + 8, 4), PCI_MSIX_PBA | 1);
    for (unsigned at = CAPABILITY; at < WINDOW; at += 4) {
        uint32_t was = get(FIRST, at, 4);
        set(FIRST, at, 4, ~was);
        assert_int_equal(get(FIRST, at, 4), was);
    }
    set(FIRST, WINDOW + 4, 4, 0xffffffff);
    set(FIRST, WINDOW + 8, 4, 0xffffffff);
    set(FIRST, WINDOW + 12, 4, 0xffffffff);
    set(FIRST, WINDOW + 16, 4, 0xffffffff);
    assert_int_equal(get(FIRST, WINDOW + 4, 4), 0xff);
    assert_int_equal(get(FIRST, WINDOW + 8, 4), 0xffffffff);
    assert_int_equal(get(FIRST, WINDOW + 12, 4), 0xffffffff);
    assert_int_equal(get(FIRST, WINDOW + 16, 4), 0);
}

static void test_placement(void **state)
{
    (void)state;
    static const unsigned bars[] = {1, 4};
    assert_int_equal(bar(FIRST, 0), 0xc000);
    assert_int_equal(bar(SECOND, 0), 0xc010);
    assert_int_equal(bar(FIRST, 4), PCI_MEMORY_FIRST);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_not_equal(bar(FIRST, bars[i]) >> 12, bar(SECOND, bars[i]) >> 12);
        assert_in_range(bar(SECOND, bars[i]), PCI_MEMORY_FIRST, PCI_MEMORY_LAST);
    }
    assert_int_equal(bar(SECOND, 4) % 0x4000, 0);
    assert_int_equal(get(SECOND, PCI_BAR0 + 20, 4), 0);
    assert_int_equal(get(FIRST, PCI_COMMAND, 2), 0);
    assert_int_equal(get(FIRST, PCI_INTERRUPT, 2), pci_intx_irq(FIRST << 3, 1) | 2 << 8);
    set(FIRST, PCI_BAR0, 4, 0xd000);
    set(FIRST, PCI_COMMAND, 2, 7);
    bus.msix[FIRST].masked = 0;
    pci_host_reset(&host);
    pci_bus_reset(&bus, &host);
    assert_int_equal(bar(FIRST, 0), 0xc000);
    assert_int_equal(get(FIRST, PCI_COMMAND, 2), 0);
    assert_int_equal(bus.resets, 1);
    assert_true(bus.msix[FIRST].masked == UINT64_MAX);
}

static void test_routes(void **state)
{
    (void)state;
    route();
    assert_int_equal(count, 4); // no guest's: of the windows
    for (unsigned i = 0; i < count; i++)
        assert_true(routes[i].first >> 63);
    decode(FIRST, PCI_COMMAND_IO);
    assert_int_equal(count, 4 + DOORBELLS + 2);
    for (unsigned i = 0; i < DOORBELLS; i++) {
        const struct pci_route *r = route_at(ACCESS_PORT, 0xc000 + 2 * i, RIGHT_WRITE);
        assert_int_equal(r->target, PCI_TO_DOORBELL);
        assert_int_equal(r->last - r->first, 1);
        assert_int_equal(r->badge, 1 << i);
        assert_int_equal(r->number, FIRST);
    }
    const struct pci_route *rest = route_at(ACCESS_PORT, 0xc006, RIGHT_WRITE);
    const struct pci_route *reads = route_at(ACCESS_PORT, 0xc000, RIGHT_READ);
    assert_int_equal(rest->first, 0xc006);
    assert_int_equal(rest->last, 0xc00f);
    assert_int_equal(rest->target, PCI_TO_DEVICE);
    assert_int_equal(reads->first, 0xc000);
    assert_int_equal(reads->last, 0xc00f);
    assert_int_equal(reads->badge, BUS_ROUTE(0));
    assert_null(route_at(ACCESS_PORT, 0xc010, RIGHT_READ));
    decode(FIRST, PCI_COMMAND_MEMORY);
    assert_null(route_at(ACCESS_PORT, 0xc000, RIGHT_READ));
    const struct pci_route *memory = route_at(ACCESS_MEMORY, bar(FIRST, 4) + 0x3fff, RIGHT_WRITE);
    assert_int_equal(memory->badge, BUS_ROUTE(4));
    assert_int_equal(memory->rights, RIGHT_READ | RIGHT_WRITE);
    assert_int_equal(route_at(ACCESS_MEMORY, bar(FIRST, 1), RIGHT_READ)->target, PCI_TO_BUS);
}

static void test_moves(void **state)
{
    (void)state;
    decode(FIRST, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    decode(SECOND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    uint32_t all = count;
    set(FIRST, PCI_BAR0, 4, 0xffffffff); // sizing, with decoding on
    route();
    assert_null(route_at(ACCESS_PORT, 0xc000, RIGHT_READ));
    assert_null(route_at(ACCESS_PORT, 0xfff0, RIGHT_READ));
    set(FIRST, PCI_BAR0, 4, 0x600);
    route();
    assert_null(route_at(ACCESS_PORT, 0x600, RIGHT_READ)); // ports of the platform's
    set(FIRST, PCI_BAR0, 4, 0xc010);
    route();
    assert_null(route_at(ACCESS_PORT, 0xc010, RIGHT_READ)); // neither's
    set(FIRST, PCI_BAR0, 4, 0xd000);
    route();
    assert_int_equal(route_at(ACCESS_PORT, 0xc010, RIGHT_READ)->number, SECOND);
    assert_int_equal(route_at(ACCESS_PORT, 0xd000, RIGHT_READ)->number, FIRST);
    assert_int_equal(count, all);
    set(FIRST, PCI_BAR0 + 16, 4, 0xffffffff);
    route();
    assert_null(route_at(ACCESS_MEMORY, 0xffffc000, RIGHT_READ));
    set(FIRST, PCI_BAR0 + 20, 4, 1);
    route();
    assert_null(route_at(ACCESS_MEMORY, 0x1ffffc000, RIGHT_READ));
    set(FIRST, PCI_BAR0 + 20, 4, 0);
    set(FIRST, PCI_BAR0 + 16, 4, PCI_MEMORY_LAST);
    route();
    assert_non_null(route_at(ACCESS_MEMORY, PCI_MEMORY_LAST, RIGHT_READ));
    set(FIRST, PCI_BAR0 + 16, 4, bar(SECOND, 1)); // onto the other's vectors
    route();
    assert_null(route_at(ACCESS_MEMORY, bar(SECOND, 1), RIGHT_READ));
}

static void test_msix_table(void **state)
{
    (void)state;
    struct pci_msix *m = &bus.msix[FIRST];
    assert_int_equal(pci_msix_read(m, VECTORS, 12, 4), 1);
    pci_msix_write(m, VECTORS, 16, 8, 0x1122334455667788);
    assert_true(m->entry[1].address == 0x1122334455667788);
    pci_msix_write(m, VECTORS, 16, 4, 0xffffffff);
    pci_msix_write(m, VECTORS, 20, 4, 0);
    assert_true(m->entry[1].address == 0xfffffffc);
    pci_msix_write(m, VECTORS, 24, 8, 0x4041); // data, and the mask's removal
    assert_int_equal(m->entry[1].data, 0x4041);
    assert_true(m->masked == (UINT64_MAX & ~UINT64_C(2)));
    assert_true(pci_msix_read(m, VECTORS, 24, 8) == 0x4041);
    assert_int_equal(pci_msix_read(m, VECTORS, 25, 1), 0x40);
    pci_msix_write(m, VECTORS, 28, 4, 0xffffffff);
    assert_int_equal(pci_msix_read(m, VECTORS, 28, 4), 1);
    pci_msix_write(m, VECTORS, 24, 2, 0); // too small, and not aligned
    pci_msix_write(m, VECTORS, 26, 4, 0);
    assert_int_equal(m->entry[1].data, 0x4041);
    pci_msix_write(m, VECTORS, 16 * VECTORS, 8, 1); // behind the last
    assert_int_equal(pci_msix_read(m, VECTORS, 16 * VECTORS, 8), 0);
    m->pending = 0xff;
    pci_msix_write(m, VECTORS, PCI_MSIX_PBA, 8, 0);
    assert_int_equal(pci_msix_read(m, VECTORS, PCI_MSIX_PBA, 8), 0xf);
    assert_int_equal(pci_msix_read(m, 64, PCI_MSIX_PBA, 8), 0xff);
    m->pending = UINT64_C(5) << 32;
    assert_int_equal(pci_msix_read(m, 64, PCI_MSIX_PBA + 4, 4), 5);
    for (unsigned at = 0; at < PCI_MSIX_BYTES; at++) // whatever is read lies inside
        for (unsigned size = 1; size <= 8; size *= 2) {
            pci_msix_read(m, 64, at, size);
            pci_msix_write(m, 64, at, size, UINT64_MAX);
        }
}

static bool window(unsigned n, uint16_t port, struct vcpu_access *access)
{
    const struct io_access io = {.port = port, .size = 4};
    host.address = UINT32_C(1) << 31 | n << 11 | (WINDOW + 16);
    *access = (struct vcpu_access){.address = port, .size = 4};
    return pci_window_access(&host, &io, access);
}

static void test_window(void **state)
{
    (void)state;
    struct vcpu_access a;
    assert_false(window(FIRST, PCI_DATA_PORT, &a)); // no length yet
    set(FIRST, WINDOW + 4, 1, 4);
    set(FIRST, WINDOW + 8, 4, 0x3ffe);
    set(FIRST, WINDOW + 12, 4, 2);
    assert_true(window(FIRST, PCI_DATA_PORT, &a));
    assert_int_equal(a.space, ACCESS_MEMORY);
    assert_int_equal(a.size, 2);
    route(); // nothing is decoded
    const struct pci_route *r = route_at(ACCESS_MEMORY, a.address, RIGHT_WRITE);
    assert_int_equal(r->number, FIRST);
    assert_int_equal(r->badge, BUS_ROUTE(4));
    assert_true(a.address - r->first == 0x3ffe);
    assert_false(window(FIRST, PCI_DATA_PORT + 1, &a));
    assert_false(window(SECOND, PCI_DATA_PORT, &a));
    assert_false(window(PCI_DEVFN_ISA >> 3, PCI_DATA_PORT, &a));
    static const uint32_t bad[][3] = {{4, 0x4000, 2}, {4, 0x3ffd, 2}, {4, 0, 8}, {4, 0xfffffffe, 2},
                                      {4, 0, 0},      {2, 0, 4},      {6, 0, 4}, {0, 16, 4}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (unsigned k = 0; k < 3; k++)
            set(FIRST, WINDOW + 4 + 4 * k, k ? 4 : 1, bad[i][k]);
        assert_false(window(FIRST, PCI_DATA_PORT, &a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_refused, two_devices),
        cmocka_unit_test_setup(test_what_else_is_refused, two_devices),
        cmocka_unit_test_setup(test_a_bus_that_is_full, two_devices),
        cmocka_unit_test_setup(test_layout, two_devices),
        cmocka_unit_test_setup(test_placement, two_devices),
        cmocka_unit_test_setup(test_routes, two_devices),
        cmocka_unit_test_setup(test_moves, two_devices),
        cmocka_unit_test_setup(test_msix_table, two_devices),
        cmocka_unit_test_setup(test_window, two_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
