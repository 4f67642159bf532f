// A tiny kernel that turns PAE paging on and off in every order, and says what it then sees in memory
// SPDX-License-Identifier: MIT
//
// Through a window it sees one of three places in memory, each with a letter of its own: the table of
// page-directory pointers leads to a or b, the page directory of 32-bit paging to c. Both tables are in one
// page, as one CR3 serves for both. Where it changes a pointer, it looks through the window only when the
// processor must have loaded it.
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { PRESENT = 1, WRITE = 2, LARGE = 0x80, MIB = 1 << 20, WINDOW = 1 << 30, NOWHERE = 1 << 30 };
enum { PLACE_A = 4 * MIB, PLACE_B = 6 * MIB, PLACE_C = 8 * MIB };
enum { CR4_DE = 1 << 3, CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_PGE = 1 << 7 };
enum { GP = 13, CODE = 0x10, GATE = 0x8e, RESERVED = 2 };
enum { MSR_APIC = 0x1b, APIC_X2 = 0xc00, MSR_PRIORITY = 0x808, PRIORITY = 0x20 };
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u

static struct {
    uint32_t directory[512]; // of 32-bit paging, 4 MiB each
    uint64_t pointer[4];     // of PAE, 1 GiB each
} root __attribute__((aligned(4096)));
static uint64_t low[512] __attribute__((aligned(4096))); // PAE's page directories
static uint64_t to_a[512] __attribute__((aligned(4096)));
static uint64_t to_b[512] __attribute__((aligned(4096)));
static uint64_t idt[GP + 1];

extern char fault[];
extern volatile uint32_t faults;

// #GP by a move to a control register: it goes on behind that, three bytes later.
asm(".comm faults, 4\n"
    "fault:\n"
    "    add $4, %esp\n"
    "    addl $3, (%esp)\n"
    "    incl faults\n"
    "    iret\n");

#define DEFINE_GET(name)                                                                                     \
    static uint32_t get_##name(void)                                                                         \
    {                                                                                                        \
        uint32_t value;                                                                                      \
        asm volatile("mov %%" #name ", %0" : "=r"(value));                                                   \
        return value;                                                                                        \
    }
#define DEFINE_SET(name)                                                                                     \
    static void set_##name(uint32_t value)                                                                   \
    {                                                                                                        \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory");                                          \
    }
DEFINE_GET(cr0)
DEFINE_GET(cr4)
DEFINE_SET(cr0)
DEFINE_SET(cr3)
DEFINE_SET(cr4)

// The monitor answers by writing CR8, and what goes with it.
static void set_priority(uint32_t priority)
{
    uint32_t base, above;
    asm volatile("rdmsr" : "=a"(base), "=d"(above) : "c"(MSR_APIC));
    asm volatile("wrmsr" : : "a"(base | APIC_X2), "d"(above), "c"(MSR_APIC));
    asm volatile("wrmsr" : : "a"(priority), "d"(0), "c"(MSR_PRIORITY));
}

static void lead_to(const uint64_t *directory)
{
    root.pointer[1] = (uintptr_t)directory | PRESENT;
}

static void make_tables(void)
{
    const uint32_t page = PRESENT | WRITE | LARGE;
    root.directory[0] = page;
    root.directory[WINDOW / (4 * MIB)] = PLACE_C | page;
    root.pointer[0] = (uintptr_t)low | PRESENT;
    low[0] = page;
    low[1] = 2 * MIB | page;
    to_a[0] = PLACE_A | page;
    to_b[0] = PLACE_B | page;
    *(volatile char *)PLACE_A = 'a';
    *(volatile char *)PLACE_B = 'b';
    *(volatile char *)PLACE_C = 'c';
}

static void take_faults(void)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) idtr = {sizeof idt - 1, (uintptr_t)idt};
    uint32_t handler = (uintptr_t)fault;
    idt[GP] =
        (uint64_t)(handler >> 16) << 48 | (uint64_t)GATE << 40 | (uint64_t)CODE << 16 | (handler & 0xffff);
    asm volatile("lidt %0" : : "m"(idtr));
}

static void look(const char *after)
{
    const char line[] = {*(volatile char *)WINDOW, faults ? '!' : '\n', faults ? '\n' : 0, 0};
    say(after);
    say(line);
    faults = 0;
}

static void while_paging(uint32_t cr3)
{
    lead_to(to_b);
    set_cr4(get_cr4() ^ CR4_PGE);
    look("PGE: ");
    lead_to(to_a);
    set_cr4(get_cr4() ^ CR4_PSE);
    look("PSE: ");
    lead_to(to_b);
    set_cr0(get_cr0() ^ CR0_CD);
    look("CD: ");
    lead_to(to_a);
    set_cr3(cr3);
    look("CR3: ");
    set_priority(PRIORITY);
    look("priority: ");
    set_cr4(get_cr4() ^ CR4_DE);
    look("DE: ");
}

static void bad_pointers(uint32_t cr3)
{
    root.pointer[3] = PRESENT | RESERVED;
    set_cr4(get_cr4() ^ CR4_PGE);
    look("a bad one, PGE: ");
    set_cr0(get_cr0() ^ CR0_CD);
    look("a bad one, CD: ");
    root.pointer[3] = RESERVED;
    set_cr4(get_cr4() ^ CR4_PGE);
    look("none, PGE: ");
    set_cr0(get_cr0() & ~CR0_PG);
    set_cr3(NOWHERE);
    set_cr0(get_cr0() | CR0_PG);
    set_cr3(cr3);
    set_cr0(get_cr0() | CR0_PG);
    look("no memory there: ");
}

_Noreturn void kernel_main(uintptr_t info)
{
    uint32_t cr3 = (uintptr_t)root.pointer;
    (void)info;
    make_tables();
    take_faults();
    lead_to(to_a);
    set_cr3(cr3);
    set_cr4(CR4_PAE);
    set_cr0(get_cr0() | CR0_PG);
    look("PAE, then paging: ");
    while_paging(cr3);
    bad_pointers(cr3);
    set_cr4(CR4_PSE);
    look("no PAE any more: ");
    lead_to(to_b);
    set_cr4(CR4_PAE);
    look("paging, then PAE: ");
    set_cr0(get_cr0() & ~CR0_PG);
    set_cr4(CR4_PSE);
    set_cr0(get_cr0() | CR0_PG);
    look("paging without PAE: ");
    machine_off();
}
