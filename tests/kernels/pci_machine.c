// Configuration mechanism 1, BARs and interrupts.
// SPDX-License-Identifier: MIT
#include "tests/kernels/pci.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc, CODE = 0x10, GATE = 0x8e, SPURIOUS = 0x4f, MSR_KVM_END = 0x4b564d04 };
#define LAPIC(offset) (*(volatile uint32_t *)(uintptr_t)(0xfee00000u + (offset)))
#define IOAPIC_INDEX  (*(volatile uint32_t *)(uintptr_t)0xfec00000u)
#define IOAPIC_DATA   (*(volatile uint32_t *)(uintptr_t)0xfec00010u)

volatile uint32_t taken[4];
static void (*quiet)(void);
static unsigned device;

void out(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        asm volatile("outb %b0, %1" : : "a"(value), "d"(port));
    else if (size == 2)
        asm volatile("outw %w0, %1" : : "a"(value), "d"(port));
    else
        asm volatile("outl %0, %1" : : "a"(value), "d"(port));
}

uint32_t in(uint16_t port, unsigned size)
{
    uint32_t value = 0;
    if (size == 1)
        asm volatile("inb %1, %b0" : "+a"(value) : "d"(port));
    else if (size == 2)
        asm volatile("inw %1, %w0" : "+a"(value) : "d"(port));
    else
        asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
    return value;
}

void pci_select(unsigned number)
{
    device = number;
}

static void select(unsigned offset)
{
    out(ADDRESS, 4, 0x80000000u | device << 11 | (offset & 0xfc));
}

uint32_t pci_read(unsigned offset, unsigned size)
{
    select(offset);
    return in((uint16_t)(DATA + offset % 4), size);
}

void pci_write(unsigned offset, unsigned size, uint32_t value)
{
    select(offset);
    out((uint16_t)(DATA + offset % 4), size, value);
}

unsigned pci_find(uint32_t id)
{
    for (device = 0; device < 32; device++)
        if (pci_read(PCI_ID, 4) == id)
            return device;
    return device = 0;
}

unsigned pci_capability(uint8_t id, unsigned length)
{
    unsigned at = pci_read(PCI_CAPABILITY, 1);
    while (at && (pci_read(at, 1) != id || (length && pci_read(at + 2, 1) != length)))
        at = pci_read(at + 1, 1);
    return at;
}

uint32_t pci_size(unsigned bar)
{
    uint32_t was = pci_read(PCI_BAR + 4 * bar, 4), size;
    pci_write(PCI_BAR + 4 * bar, 4, 0xffffffff);
    size = pci_read(PCI_BAR + 4 * bar, 4) & (was & 1 ? ~3u : ~15u);
    pci_write(PCI_BAR + 4 * bar, 4, was);
    return -size;
}

void pci_place(unsigned bar, uint32_t address)
{
    pci_write(PCI_BAR + 4 * bar, 4, address);
}

// KVM's paravirtual end of interrupt: bit 0 of the word says that clearing it is enough.
static volatile uint32_t end_word __attribute__((aligned(4)));

static uint32_t end_skipped(void)
{
    uint8_t was;
    asm volatile("btrl $0, %0; setc %1" : "+m"(end_word), "=q"(was));
    return was;
}

void interrupt_came(uint32_t i);
void interrupt_came(uint32_t i)
{
    taken[i]++;
    if (i == INTX_VECTOR - FIRST_VECTOR)
        quiet();
    if (!end_skipped())
        LAPIC(0xb0) = 0;
}

#define HANDLER(n)                                                                                           \
    asm("vector" #n ": pusha\n push $" #n "\n call interrupt_came\n add $4, %esp\n popa\n iret\n");          \
    extern char vector##n[];
HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)
asm("spurious: iret\n");
extern char spurious[];

static uint64_t table[SPURIOUS + 1];

static void set_gate(unsigned vector, const char *handler)
{
    uint32_t to = (uint32_t)(uintptr_t)handler;
    table[vector] = (uint64_t)(to >> 16) << 48 | (uint64_t)GATE << 40 | (uint64_t)CODE << 16 | (to & 0xffff);
}

void interrupts_begin(void (*intx)(void))
{
    static struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof table - 1, 0};
    quiet = intx;
    set_gate(FIRST_VECTOR, vector0);
    set_gate(FIRST_VECTOR + 1, vector1);
    set_gate(FIRST_VECTOR + 2, vector2);
    set_gate(FIRST_VECTOR + 3, vector3);
    set_gate(SPURIOUS, spurious);
    pointer.base = (uint32_t)(uintptr_t)table;
    asm volatile("lidt %0" : : "m"(pointer));
    LAPIC(0xf0) = 0x100 | SPURIOUS;
    asm volatile("wrmsr" : : "a"((uint32_t)(uintptr_t)&end_word | 1), "d"(0), "c"(MSR_KVM_END));
}

// STI takes effect behind HLT's beginning: nothing can come in between and be slept over.
void interrupts_wait(unsigned i, uint32_t count)
{
    while (taken[i] < count)
        asm volatile("sti; hlt; cli" : : : "memory");
}

// By the local APIC's timer, divided by 1.
void interrupts_rest(uint32_t ticks)
{
    uint32_t before = taken[TIMER_VECTOR - FIRST_VECTOR];
    LAPIC(0x3e0) = 0xb;
    LAPIC(0x320) = TIMER_VECTOR;
    LAPIC(0x380) = ticks;
    interrupts_wait(TIMER_VECTOR - FIRST_VECTOR, before + 1);
}

void route_line(unsigned input)
{
    enum { LEVEL_LOW = 1 << 15 | 1 << 13 };
    IOAPIC_INDEX = 0x10 + 2 * input + 1;
    IOAPIC_DATA = 0;
    IOAPIC_INDEX = 0x10 + 2 * input;
    IOAPIC_DATA = LEVEL_LOW | INTX_VECTOR;
}
