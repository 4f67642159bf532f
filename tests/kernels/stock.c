// A tiny kernel that measures: its own speed, and the first touch of memory before and after the machine had
// a rest. SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { LOOPS = 20000000, RAM_FIRST = 32 << 20, CHUNK = 2 << 20, REST = 50000000 };
enum { VECTOR = 0x40, CODE = 0x10, GATE = 0x8e, TIMER_ONE_SHOT = VECTOR, DIVIDE_BY_1 = 0xb };

extern char timer_interrupt[];

static volatile uint32_t *lapic(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(0xfee00000 + offset);
}

static uint64_t compute(void)
{
    uint64_t start = ticks();
    for (uint32_t i = 0; i < LOOPS; i++)
        asm volatile("");
    return ticks() - start;
}

// Of a 2 MiB page that nobody has touched.
static uint64_t touch(unsigned number)
{
    volatile char *page = (volatile char *)(uintptr_t)(RAM_FIRST + number * CHUNK);
    uint64_t start = ticks();
    *page = 1;
    return ticks() - start;
}

// Until the local APIC's timer wakes it: nobody wants the processor meanwhile.
static void rest(void)
{
    static uint64_t table[VECTOR + 1];
    static struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof table - 1, 0};
    uintptr_t handler = (uintptr_t)timer_interrupt;
    table[VECTOR] =
        (uint64_t)(handler >> 16) << 48 | (uint64_t)GATE << 40 | (uint64_t)CODE << 16 | (handler & 0xffff);
    pointer.base = (uint32_t)(uintptr_t)table;
    asm volatile("lidt %0" : : "m"(pointer));
    *lapic(0xf0) = 0x1ff; // enabled
    *lapic(0x3e0) = DIVIDE_BY_1;
    *lapic(0x320) = TIMER_ONE_SHOT;
    *lapic(0x380) = REST;
    asm volatile("sti; hlt; cli" : : : "memory");
}

asm("timer_interrupt: movl $0, 0xfee000b0\n" // end of interrupt
    "iret\n");

_Noreturn void kernel_main(uintptr_t info)
{
    (void)info;
    say_number("compute ", compute());
    say_number("touch ", touch(0));
    say_number("touch ", touch(1));
    rest();
    say_number("touch ", touch(2));
    say_number("touch ", touch(3));
    say_number("compute ", compute());
    machine_off();
}
