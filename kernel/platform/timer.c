// One interrupt at a TSC value
// SPDX-License-Identifier: MIT
//
// By the TSC-deadline MSR where the CPU has it; else the local APIC's down-counter, whose rate is measured
// against the TSC.

#include "kernel/platform/clock.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/lapic.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define MEASURE_US 10000
#define COUNT_MAX  0xffffffffu

static uint64_t counts_per_tsc; // 32.32 fixed point

void timer_init(void)
{
    if (cpu_features.tsc_deadline)
        return;
    bool on = interrupts_save();
    uint64_t start = rdtsc();
    lapic_timer_count(COUNT_MAX);
    delay_us(MEASURE_US);
    uint64_t counts = COUNT_MAX - lapic_timer_left();
    uint64_t ticks = rdtsc() - start;
    lapic_timer_count(0);
    counts_per_tsc = (counts << 32) / ticks;
    interrupts_restore(on);
}

// A deadline further off than the counter reaches gives an interrupt before it; one in the past gives it at
// once.
void timer_arm(uint64_t tsc_deadline)
{
    if (cpu_features.tsc_deadline) {
        wrmsr(MSR_TSC_DEADLINE, tsc_deadline);
        return;
    }
    if (tsc_deadline == 0) {
        lapic_timer_count(0);
        return;
    }
    uint64_t now = rdtsc(), ticks = tsc_deadline > now ? tsc_deadline - now : 0;
    unsigned __int128 counts = ((unsigned __int128)ticks * counts_per_tsc >> 32) + 1;
    lapic_timer_count(counts < COUNT_MAX ? (uint32_t)counts : COUNT_MAX);
}
