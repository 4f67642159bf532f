// A tiny kernel that drives the PCI test device in every way that a bus has.
// SPDX-License-Identifier: MIT
//
// It prints a line for each thing that it did; tests/system/bus.bats knows them. Its command line is the
// number of requests that it makes in each way.
#include "tests/kernels/pci.h"

#include "servers/testpci/testpci.h"
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { NEW_IO = 0xd000, CMOS_LIVES = 0x40, LIVES = 0x51 };
#define NEW_MEMORY          0xd0000000u
#define REGISTER(offset)    (*(volatile uint32_t *)(uintptr_t)(memory + (offset)))
#define TABLE(entry, dword) (*(volatile uint32_t *)(uintptr_t)(table + 16 * (entry) + 4 * (dword)))

static uint32_t io, table, memory, msix, requests;
static volatile struct testpci_queue queue[TESTPCI_DOORBELLS] __attribute__((aligned(16)));

static void check(const char *what, uint32_t is, uint32_t should)
{
    say(what);
    if (is == should) {
        say(": good\n");
    } else {
        say_number(": is ", is);
        say_number("    but should be ", should);
    }
}

static void quiet(void)
{
    (void)REGISTER(TESTPCI_ISR); // lowers the line; that it rose for nothing is allowed
}

static void find_bars(void)
{
    io = pci_read(PCI_BAR + 4 * TESTPCI_IO, 4) & ~3u;
    table = pci_read(PCI_BAR + 4 * TESTPCI_MSIX, 4) & ~15u;
    memory = pci_read(PCI_BAR + 4 * TESTPCI_MEMORY, 4) & ~15u;
}

static void configuration(void)
{
    check("size of the I/O BAR", pci_size(TESTPCI_IO), TESTPCI_IO_BYTES);
    check("size of the MSI-X BAR", pci_size(TESTPCI_MSIX), 4096);
    check("size of the memory BAR", pci_size(TESTPCI_MEMORY), TESTPCI_MEMORY_BYTES);
    check("upper half", pci_read(PCI_BAR + 4 * TESTPCI_MEMORY + 4, 4), 0);
    check("no BAR", pci_size(2), 0);
    find_bars();
    check("not decoded yet", in((uint16_t)(io + TESTPCI_IO_SCRATCH), 4), 0xffffffff);
    check("nor memory", REGISTER(TESTPCI_ID), 0xffffffff);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    check("decoded", REGISTER(TESTPCI_ID), TESTPCI_MAGIC);
    check("it may be master", REGISTER(TESTPCI_CONTROL), 1);
}

static void move(void)
{
    REGISTER(TESTPCI_SCRATCH) = 0x12345678;
    check("the same behind ports", in((uint16_t)(io + TESTPCI_IO_SCRATCH), 4), 0x12345678);
    pci_place(TESTPCI_IO, NEW_IO);
    check("old ports", in((uint16_t)(io + TESTPCI_IO_SCRATCH), 4), 0xffffffff);
    check("new ports", in(NEW_IO + TESTPCI_IO_SCRATCH, 4), 0x12345678);
    pci_place(TESTPCI_MEMORY, NEW_MEMORY);
    check("old memory", REGISTER(TESTPCI_ID), 0xffffffff);
    find_bars();
    check("new memory", REGISTER(TESTPCI_ID), TESTPCI_MAGIC);
    pci_place(TESTPCI_MSIX, NEW_MEMORY);
    check("two at one place", REGISTER(TESTPCI_ID), 0xffffffff);
    pci_place(TESTPCI_MSIX, table);
    check("and apart again", REGISTER(TESTPCI_ID), TESTPCI_MAGIC);
    pci_place(TESTPCI_IO, 0x60);
    check("no ports of the platform's", in(0x60 + TESTPCI_IO_SCRATCH, 4), 0xffffffff);
    pci_place(TESTPCI_IO, NEW_IO);
}

static void window(void)
{
    unsigned at = pci_capability(CAPABILITY_VENDOR, 20);
    pci_write(at + 4, 1, TESTPCI_MEMORY);
    pci_write(at + 8, 4, TESTPCI_SCRATCH);
    pci_write(at + 12, 4, 4);
    check("read through the window", pci_read(at + 16, 4), 0x12345678);
    pci_write(at + 16, 4, 0x9abcdef0);
    check("written through it", REGISTER(TESTPCI_SCRATCH), 0x9abcdef0);
    pci_write(at + 4, 1, TESTPCI_IO);
    pci_write(at + 8, 4, TESTPCI_IO_SCRATCH);
    pci_write(at + 12, 4, 2);
    check("two bytes of ports", pci_read(at + 16, 2), 0xdef0);
    pci_write(at + 8, 4, 0x1000);
    check("no such offset", pci_read(at + 16, 4), 0);
    pci_write(at + 12, 4, 3);
    check("no such length", pci_read(at + 16, 4), 0);
}

// A request a round: the count must come back, and an interrupt for each; more are allowed.
static void rounds(const char *what, unsigned doorbell, unsigned vector)
{
    REGISTER(TESTPCI_QUEUE) = (uint32_t)(uintptr_t)queue;
    uint64_t start = ticks();
    for (uint32_t i = 0; i < requests; i++) {
        uint32_t before = taken[vector], request = queue[doorbell].requests + 1;
        queue[doorbell].requests = request;
        out((uint16_t)(NEW_IO + 2 * doorbell), 2, 0);
        while (queue[doorbell].done != request)
            interrupts_wait(vector, ++before);
    }
    uint64_t spent = ticks() - start;
    check(what, queue[doorbell].done, queue[doorbell].requests);
    say_number("ticks for them: ", spent);
}

static void intx(unsigned device)
{
    route_line(16 + device % 8);
    check("interrupt line", pci_read(PCI_LINE, 1), 10 + device % 2);
    rounds("requests by the line", 0, 3);
    while (pci_read(PCI_STATUS, 2) & STATUS_INTX) // the last one was not taken yet
        asm volatile("sti; nop; cli");
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF);
    uint32_t before = taken[3];
    REGISTER(TESTPCI_RAISE) = 1;
    check("status of the line", pci_read(PCI_STATUS, 2) & STATUS_INTX, STATUS_INTX);
    asm volatile("sti; nop; cli");
    check("which is disabled", taken[3], before);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    interrupts_wait(3, before + 1);
    check("and then is not", pci_read(PCI_STATUS, 2) & STATUS_INTX, 0);
}

static void set_vector(unsigned i)
{
    TABLE(i, 0) = 0xfee00000;
    TABLE(i, 1) = 0;
    TABLE(i, 2) = FIRST_VECTOR + i;
    TABLE(i, 3) = 0;
}

static uint32_t pending(void)
{
    return *(volatile uint32_t *)(uintptr_t)(table + 0x800);
}

static void masks(void)
{
    TABLE(2, 3) = 1;
    asm volatile("sti; nop; cli"); // a device that starts anew raises all
    uint32_t before = taken[2];
    REGISTER(TESTPCI_RAISE) = 1 << 2;
    check("masked, it is pending", pending() & 1 << 2, 1 << 2);
    asm volatile("sti; nop; cli");
    check("and does not come", taken[2], before);
    TABLE(2, 3) = 0;
    interrupts_wait(2, before + 1);
    check("unmasked, it comes", pending() & 1 << 2, 0);
    pci_write(msix + 2, 2, 0xc000);
    REGISTER(TESTPCI_RAISE) = 1 << 2;
    check("the function masked", pending() & 1 << 2, 1 << 2);
    pci_write(msix + 2, 2, 0x8000);
    interrupts_wait(2, before + 2);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY);
    REGISTER(TESTPCI_RAISE) = 1 << 2;
    check("no bus master", pending() & 1 << 2, 1 << 2);
    pci_write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    interrupts_wait(2, before + 3);
    check("and one again", pending() & 1 << 2, 0);
}

static void vectors(void)
{
    msix = pci_capability(CAPABILITY_MSIX, 0);
    check("vectors", pci_read(msix + 2, 2), TESTPCI_VECTORS - 1);
    check("masked at first", TABLE(0, 3), 1);
    for (unsigned i = 0; i < TESTPCI_VECTORS; i++)
        set_vector(i);
    check("an entry", TABLE(1, 2), FIRST_VECTOR + 1);
    check("behind the last", TABLE(TESTPCI_VECTORS, 3), 0);
    pci_write(msix + 2, 2, 0x8000);
    check("the device knows", REGISTER(TESTPCI_CONTROL), 3);
    rounds("requests by vector 0", 0, 0);
    rounds("requests by vector 1", 1, 1);
    masks();
}

_Noreturn void kernel_main(uintptr_t info)
{
    struct told told = {0};
    told_by(info, &told);
    for (const char *c = told.cmdline; c && *c; c++)
        requests = requests * 10 + (uint32_t)(*c - '0');
    uint32_t again = cmos_read(CMOS_LIVES) == LIVES;
    unsigned device = pci_find(TESTPCI_DEVICE << 16 | TESTPCI_VENDOR);
    if (!device) {
        say("there is no device\n");
        machine_off();
    }
    say_number("device ", device);
    interrupts_begin(quiet);
    configuration();
    if (again)
        check("scratch after a reset", REGISTER(TESTPCI_SCRATCH), 0);
    move();
    window();
    intx(device);
    vectors();
    say("all done\n");
    cmos_write(CMOS_LIVES, LIVES);
    if (!again)
        machine_reset();
    machine_off();
}
