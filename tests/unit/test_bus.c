// The monitor's PCI bus with its kernel, its devices and its deaths
// SPDX-License-Identifier: MIT
//
// bus.c is compiled into this file: its system calls are those of a kernel that keeps routes and signals, and
// that the monitor may die at. A guest switches, moves and masks at random, devices raise vectors at random.
// After each exit that came to its end the kernel must have exactly the routes that the committed state asks
// for, the pages must say what it says, and at the end no vector that a device raised may be owed.
//
// LINK: servers/vmm/dev/pci_bus.c servers/vmm/dev/pci_layout.c servers/vmm/dev/pci_routes.c
// LINK: servers/vmm/dev/pci_msix.c servers/vmm/dev/pci_host.c servers/vmm/dev/pci_function.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/abi/caps.h"
#include "libipc/proto/layout.h"
#include "libipc/syscall.h"

static enum status fake_route(uint64_t vm, uint64_t kind, uint64_t first, uint64_t last, uint64_t target,
                              uint64_t badge);
static enum status fake_signal(uint64_t slot);
static struct utcb fake_utcb;
static uint8_t pages[16][0x200000];

#define sys_route(...)  fake_route(__VA_ARGS__)
#define sys_signal(...) fake_signal(__VA_ARGS__)
#define utcb()          (&fake_utcb)
#undef VMM_MAP_LINE
#define VMM_MAP_LINE ((uint64_t)(uintptr_t)pages)

#include "servers/vmm/bus.c"

enum { DEVICE = 2, OTHER = 5, VECTORS = 3, STEPS = 20000 };

struct vm vm;
enum log_level log_level;

static struct world {
    struct vm_machine machine;
    uint32_t sent[2][VECTORS]; // interrupts that the local APIC has, by device and vector
} work, committed;

// ---- the kernel ----

static struct pci_route kernel[PCI_ROUTES_MAX];
static unsigned routes, dies, signals;
static jmp_buf death;

static void die_here(void)
{
    if (dies && --dies == 0)
        longjmp(death, 1);
}

static bool crosses(const struct pci_route *r, uint64_t space, uint64_t rights, uint64_t first, uint64_t last)
{
    return r->space == space && r->rights & rights && r->first <= last && first <= r->last;
}

static enum status fake_route(uint64_t slot, uint64_t kind, uint64_t first, uint64_t last, uint64_t target,
                              uint64_t badge)
{
    uint64_t rights = kind >> 8, space = kind & 0xf;
    die_here();
    assert_int_equal(slot, VMM_SLOT_VM);
    for (unsigned i = 0; i < routes; i++) {
        struct pci_route *r = &kernel[i];
        if (!crosses(r, space, rights, first, last))
            continue;
        if (!(kind & ROUTE_REMOVE))
            return STATUS_EXISTS;
        if (r->first != first || r->last != last || r->rights != rights)
            continue;
        *r = kernel[--routes];
        return STATUS_OK;
    }
    if (kind & ROUTE_REMOVE)
        return STATUS_NOT_FOUND;
    bool bell = target < VMM_SLOT_DEVICE;
    kernel[routes++] =
        (struct pci_route){.first = first,
                           .last = last,
                           .badge = badge,
                           .space = (uint8_t)space,
                           .rights = (uint8_t)rights,
                           .target = bell ? PCI_TO_DOORBELL : PCI_TO_DEVICE,
                           .number = (uint8_t)(target - (bell ? VMM_SLOT_DEVICE_BITS : VMM_SLOT_DEVICE))};
    return STATUS_OK;
}

static enum status fake_signal(uint64_t slot)
{
    die_here();
    signals |= 1U << (slot - VMM_SLOT_DEVICE_BITS);
    return STATUS_OK;
}

// ---- the monitor's other files ----

static unsigned starts;

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

void die(const char *format, ...)
{
    fail_msg("%s", format);
    abort();
}

const char *status_name(enum status s)
{
    (void)s;
    return "";
}

void irqchip_msi(struct irqchip *chip, uint64_t address, uint32_t data, uint32_t *kick)
{
    (void)chip, (void)kick;
    assert_int_equal(address & ~UINT64_C(0x7fff), 0xfee00000);
    work.sent[data >> 4][data & 0xf]++;
}

void exits_widen(unsigned n, enum vm_part part, const void *from, uint32_t bytes)
{
    (void)n, (void)part, (void)from, (void)bytes;
}

void server_changed(struct server *s, const void *from, uint32_t bytes)
{
    (void)s, (void)from, (void)bytes;
}

enum reply_how vm_exit(struct server *s, const struct message_in *in, struct message *answer)
{
    (void)s, (void)in, (void)answer;
    starts++;
    work.machine.power_on = 1;
    pci_host_init(&work.machine.platform.pci);
    bus_power_up(true);
    return REPLY_NOW;
}

enum status server_reply(struct server *s, uint32_t token, const struct message *answer)
{
    (void)s, (void)answer;
    assert_int_equal(token, 7);
    return STATUS_OK;
}

// ---- the device, the guest ----

static const struct bus_function function_of_devices = {
    .vendor = 0x1af4,
    .device = 0x1042,
    .pin = 1,
    .vectors = VECTORS,
    .msix_bar = 1,
    .doorbells = 2,
    .window = 1,
    .capability_bytes = 20,
    .bar = {[0] = {8, BUS_BAR_IO}, [4] = {0x1000, BUS_BAR_MEMORY64}},
    .capability = {9, 0, 20},
};
enum { MSIX = 0x40 + 20 };

static enum status registers(unsigned n, const struct bus_function *f)
{
    struct message_in in = {.badge = BUS_BADGE_DEVICE + n,
                            .message = {.tag = TAG(LABEL_BUS_REGISTER, BUS_FUNCTION_WORDS)}};
    struct message answer = {0};
    uint64_t words[BUS_FUNCTION_WORDS] = {0};
    memcpy(words, f, sizeof *f);
    memcpy(in.message.words, words, sizeof in.message.words);
    memcpy(fake_utcb.words, words, sizeof words);
    assert_int_equal(bus_register(NULL, &in, &answer), REPLY_NOW);
    return TAG_LABEL(answer.tag);
}

static enum reply_how start_exit(void)
{
    struct message answer;
    return bus_vm_start(NULL, &(struct message_in){.badge = 1, .token = 7}, &answer);
}

static int setup(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof vm);
    memset(&work, 0, sizeof work);
    memset(&bus, 0, sizeof bus);
    memset(pages, 0, sizeof pages);
    routes = dies = starts = signals = 0;
    vm.machine = &work.machine;
    vm.config.devices = 1U << DEVICE | 1U << OTHER;
    return 0;
}

static void begin(void)
{
    assert_int_equal(registers(DEVICE, &function_of_devices), STATUS_OK);
    assert_int_equal(registers(OTHER, &function_of_devices), STATUS_OK);
    assert_int_equal(start_exit(), REPLY_NOW);
    bus_publish();
}

static struct device_page *page(unsigned n)
{
    return (struct device_page *)(void *)pages[n];
}

static void test_the_guest_waits_for_its_devices(void **state)
{
    (void)state;
    assert_int_equal(start_exit(), REPLY_LATER);
    assert_int_equal(registers(DEVICE, &function_of_devices), STATUS_OK);
    assert_int_equal(starts, 0);
    assert_int_equal(registers(OTHER, &(struct bus_function){0}), STATUS_OK); // it has failed
    assert_int_equal(starts, 1);
    assert_int_equal(bus_pins(), 1 << DEVICE);
    assert_int_equal(registers(OTHER, &function_of_devices), STATUS_BAD_ARG); // too late
    assert_null(function(OTHER));
}

static void test_who_registers_what(void **state)
{
    (void)state;
    struct bus_function other = function_of_devices, bad = function_of_devices;
    other.device++;
    bad.pin = 9;
    assert_int_equal(registers(3, &function_of_devices), STATUS_BAD_ARG); // the VM has no such device
    assert_int_equal(registers(1, &function_of_devices), STATUS_BAD_ARG);
    assert_int_equal(registers(BUS_DEVICES, &function_of_devices), STATUS_BAD_ARG);
    assert_int_equal(registers(DEVICE, &bad), STATUS_BAD_ARG);
    assert_int_equal(registers(DEVICE, &function_of_devices), STATUS_OK);
    assert_int_equal(registers(DEVICE, &other), STATUS_EXISTS);
    assert_int_equal(registers(OTHER, &(struct bus_function){0}), STATUS_OK);
    assert_int_equal(registers(OTHER, &function_of_devices), STATUS_OK); // before the guest began
    assert_int_equal(start_exit(), REPLY_NOW);
    assert_int_equal(registers(DEVICE, &function_of_devices), STATUS_OK);      // its next incarnation
    assert_int_equal(registers(DEVICE, &(struct bus_function){0}), STATUS_OK); // which has failed
    assert_non_null(function(DEVICE));
    struct message_in in = {.badge = BUS_BADGE_DEVICE + DEVICE,
                            .message = {.tag = TAG(LABEL_BUS_REGISTER, 4)}};
    struct message answer;
    bus_register(NULL, &in, &answer);
    assert_int_equal(TAG_LABEL(answer.tag), STATUS_BAD_ARG);
}

static void configure(unsigned n, unsigned offset, unsigned size, uint32_t value)
{
    struct vm_exit x = {.n = 0};
    struct io_access io = {value, (uint16_t)(PCI_DATA_PORT + offset % 4), (uint8_t)size};
    struct pci_host *host = &work.machine.platform.pci;
    host->address = UINT32_C(1) << 31 | n << 11 | (offset & 0xfc);
    uint32_t effects = pci_data_write(host, &io, 0);
    if (effects & (PORT_DECODE | PORT_FUNCTION))
        bus_changed(&x, effects);
}

static void table(unsigned n, unsigned offset, uint32_t value)
{
    uint64_t base = pci_function_read(function(n), PCI_BAR0 + 4, 4);
    bus_write(0, &(struct vcpu_access){.address = base + offset, .value = value, .space = 1, .size = 4});
}

static void enable(unsigned n, unsigned index)
{
    configure(n, PCI_COMMAND, 2, 7);
    for (unsigned v = 0; v < VECTORS; v++) {
        table(n, 16 * v, 0xfee00000);
        table(n, 16 * v + 8, index << 4 | v);
        table(n, 16 * v + 12, 0);
    }
    configure(n, MSIX + 2, 2, 0x8000);
}

static void test_vectors_wait_for_what_holds_them(void **state)
{
    (void)state;
    begin();
    enable(DEVICE, 0);
    assert_false(bus_waits());
    page(DEVICE)->line.pending = 1 << 1 | 1 << 7; // one that it does not have
    assert_true(bus_waits());
    assert_false(bus_look(0)); // no line
    assert_int_equal(work.sent[0][1], 1);
    bus_look(0); // it was taken, and is cleared when that is committed
    assert_int_equal(work.sent[0][1], 1);
    bus_publish();
    assert_int_equal(page(DEVICE)->line.pending, 0);
    assert_int_equal(work.machine.bus.msix[DEVICE].pending, 0);
    static const struct {
        unsigned offset;
        uint32_t held, released;
    } holds[] = {{MSIX + 2, 0xc000, 0x8000}, {PCI_COMMAND, 3, 7}};
    for (unsigned i = 0; i < 2; i++) {
        configure(DEVICE, holds[i].offset, 2, holds[i].held);
        page(DEVICE)->line.pending = 1 << 2;
        bus_look(0);
        bus_publish();
        assert_int_equal(work.sent[0][2], i);
        assert_int_equal(work.machine.bus.msix[DEVICE].pending, 1 << 2);
        configure(DEVICE, holds[i].offset, 2, holds[i].released);
        assert_int_equal(work.sent[0][2], i + 1);
    }
    table(DEVICE, 12, 1);
    page(DEVICE)->line.pending = 1;
    bus_look(0);
    uint64_t value = 0, base = pci_function_read(function(DEVICE), PCI_BAR0 + 4, 4);
    struct vcpu_access pba = {.address = base + PCI_MSIX_PBA, .space = 1, .size = 8};
    assert_true(bus_read(&pba, &value));
    assert_int_equal(value, 1);
    table(DEVICE, 12, 0);
    assert_int_equal(work.sent[0][0], 1);
    configure(DEVICE, MSIX + 2, 2, 0);
    bus_publish();
    page(DEVICE)->line.pending = 1;
    bus_look(0);
    bus_publish();
    configure(DEVICE, MSIX + 2, 2, 0x8000);
    assert_int_equal(work.sent[0][0], 1); // of a time when nobody wanted it
}

static void test_lines(void **state)
{
    (void)state;
    begin();
    page(OTHER)->line.level = 1;
    assert_true(bus_waits());
    assert_true(bus_look(0));
    assert_false(bus_waits());
    assert_int_equal(pci_host_lines(&work.machine.platform.pci) >> 16, 1 << OTHER % 8);
    assert_int_equal(pci_function_read(function(OTHER), PCI_STATUS, 2) & 8, 8);
    configure(OTHER, MSIX + 2, 2, 0x8000); // which silences it
    assert_int_equal(pci_host_lines(&work.machine.platform.pci), 0);
    configure(OTHER, MSIX + 2, 2, 0);
    page(OTHER)->line.level = 0;
    assert_true(bus_look(0));
    assert_int_equal(pci_host_lines(&work.machine.platform.pci), 0);
}

static void test_a_reset_reaches_the_pages(void **state)
{
    (void)state;
    begin();
    enable(DEVICE, 0);
    bus_publish();
    assert_int_equal(page(DEVICE)->control, BUS_CONTROL_MASTER | BUS_CONTROL_MSIX);
    signals = 0;
    pci_host_reset(&work.machine.platform.pci);
    bus_power_up(false);
    assert_int_equal(page(DEVICE)->resets, 0); // it is not committed yet
    bus_publish();
    assert_int_equal(page(DEVICE)->resets, 1);
    assert_int_equal(page(DEVICE)->control, 0);
    assert_int_equal(signals, 1 << DEVICE | 1 << OTHER);
    page(DEVICE)->line.pending = 1;
    bus_look(0);
    assert_int_equal(work.sent[0][0], 0);
}

// ---- deaths ----

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % below);
}

static struct {
    unsigned what, n, v;
    uint32_t value;
} choice;
static uint32_t owed[2]; // vectors that were raised and that the guest has not got

static void choose(void)
{
    static const uint32_t ports[] = {0, 0x600, 0xc000, 0xc008, 0xd000, 0xfffffff8};
    choice.what = pick(8);
    choice.n = pick(2) ? DEVICE : OTHER;
    choice.v = pick(VECTORS);
    choice.value = choice.what == 1 ? ports[pick(6)] : pick(8);
}

static void act(void)
{
    unsigned n = choice.n;
    bus_look(0);
    switch (choice.what) {
    case 0: configure(n, PCI_COMMAND, 2, choice.value); break;
    case 1: configure(n, PCI_BAR0, 4, choice.value); break;
    case 2: configure(n, PCI_BAR0 + 16, 4, PCI_MEMORY_FIRST + choice.value * 0x800000); break;
    case 3: table(n, 16 * choice.v + 12, choice.value & 1); break;
    case 4: configure(n, MSIX + 2, 2, 0x8000 | (choice.value & 1) << 14); break;
    default: break;
    }
}

static void commit(void)
{
    die_here();
    committed = work;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned v = 0; v < VECTORS; v++)
            if (committed.sent[i][v])
                owed[i] &= ~(1U << v);
    memset(work.sent, 0, sizeof work.sent);
    memset(committed.sent, 0, sizeof committed.sent);
    die_here();
    bus_publish();
    die_here();
}

static void restart(void)
{
    work = committed;
    memset(&bus, 0, sizeof bus);
    vm.changed = 0;
    bus_start();
    bus_publish();
}

static unsigned find(const struct pci_route *list, unsigned length, const struct pci_route *r)
{
    unsigned found = 0;
    for (unsigned i = 0; i < length; i++)
        found += pci_route_equal(&list[i], r);
    return found;
}

static void judge(void)
{
    static struct pci_route wanted[PCI_ROUTES_MAX];
    unsigned length = pci_routes(&committed.machine.bus, &committed.machine.platform.pci, wanted), real = 0;
    for (unsigned i = 0; i < length; i++) {
        real += wanted[i].target != PCI_TO_BUS;
        assert_int_equal(find(kernel, routes, &wanted[i]), wanted[i].target != PCI_TO_BUS);
    }
    assert_int_equal(routes, real);
    assert_int_equal(page(DEVICE)->control, control(DEVICE));
    assert_int_equal(page(OTHER)->control, control(OTHER));
}

static void test_deaths_at_every_step(void **state)
{
    (void)state;
    begin();
    enable(DEVICE, 0);
    enable(OTHER, 1);
    committed = work;
    bus_publish();
    seed = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = pick(2), v = pick(VECTORS);
        if (pick(2)) { // a device raises, which the guest enabled
            __atomic_fetch_or(&page(i ? OTHER : DEVICE)->line.pending, UINT64_C(1) << v, __ATOMIC_ACQ_REL);
            owed[i] |= 1U << v;
        }
        choose();
        dies = pick(3) ? 0 : 1 + pick(30);
        if (setjmp(death)) {
            dies = 0;
            restart(); // the exit comes again; where it was committed, the same again changes nothing
        }
        act();
        commit();
        dies = 0;
        judge();
    }
    configure(DEVICE, PCI_BAR0 + 16, 4, PCI_MEMORY_FIRST + 0x10000000); // off the tables
    configure(OTHER, PCI_BAR0 + 16, 4, PCI_MEMORY_FIRST + 0x20000000);
    enable(DEVICE, 0);
    enable(OTHER, 1);
    bus_look(0);
    commit();
    assert_int_equal(owed[0] | owed[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_guest_waits_for_its_devices, setup),
        cmocka_unit_test_setup(test_who_registers_what, setup),
        cmocka_unit_test_setup(test_vectors_wait_for_what_holds_them, setup),
        cmocka_unit_test_setup(test_lines, setup),
        cmocka_unit_test_setup(test_a_reset_reaches_the_pages, setup),
        cmocka_unit_test_setup(test_deaths_at_every_step, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
