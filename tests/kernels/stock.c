// A tiny kernel that measures: its own speed, and the first touch of memory before and after the machine had
// a rest. SPDX-License-Identifier: MIT
#include "tests/kernels/machine.h"
#include "tests/kernels/told.h"

enum { LOOPS = 20000000, RAM_FIRST = 32 << 20, CHUNK = 2 << 20, REST = 50000000 };

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

_Noreturn void kernel_main(uintptr_t info)
{
    (void)info;
    say_number("compute ", compute());
    say_number("touch ", touch(0));
    say_number("touch ", touch(1));
    machine_rest(REST); // nobody wants the processor meanwhile
    say_number("touch ", touch(2));
    say_number("touch ", touch(3));
    say_number("compute ", compute());
    machine_off();
}
