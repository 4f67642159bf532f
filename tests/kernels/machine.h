// What tiny kernels do with their machine: print, keep a byte over a reset, sleep, stop.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Bytes where the loader said that something is.
static inline const void *at(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

static inline uint64_t ticks(void)
{
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

void say(const char *text); // COM1
int heard(void);            // a byte from it; -1: there is none
void say_number(const char *text, uint64_t n);

uint8_t cmos_read(uint8_t index);
void cmos_write(uint8_t index, uint8_t value);

// rest.c: sleeps until the local APIC's timer has counted so many ticks.
void machine_rest(uint32_t ticks);

_Noreturn void machine_reset(void);
_Noreturn void machine_off(void);
