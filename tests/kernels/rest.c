// Sleeps by the local APIC's timer, in 32-bit code.
// SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"

enum { VECTOR = 0x40, CODE = 0x10, GATE = 0x8e, TIMER_ONE_SHOT = VECTOR, DIVIDE_BY_1 = 0xb };

static volatile uint32_t *lapic(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(0xfee00000 + offset);
}

extern char timer_interrupt[];
asm("timer_interrupt: movl $0, 0xfee000b0\n" // end of interrupt
    "iret\n");

void machine_rest(uint32_t ticks)
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
    *lapic(0x380) = ticks;
    asm volatile("sti; hlt; cli" : : : "memory");
}
