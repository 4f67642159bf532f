// How fast the TSC counts
// SPDX-License-Identifier: MIT
//
// Told by CPUID where it is known; else measured over 20 ms against the ACPI PM timer, at the edges of its
// ticks.

#include "kernel/platform/cpu.h"
#include "kernel/platform/parts.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define LEAF_TSC        0x15 // [SDM] 2A CPUID: EBX/EAX is the TSC's ratio to the crystal, ECX the crystal in Hz
#define LEAF_HYPERVISOR 0x40000000
#define LEAF_TIMING     0x40000010 // of VMware and its followers: EAX is the TSC in kHz

#define PM_HZ      3579545u
#define PM_TICKS   (PM_HZ / 50)
#define PM_MASK    0xffffffu // as wide as every PM timer is
#define EDGE_TRIES 8
#define EDGE_READS 100000

uint32_t tsc_khz;

static uint32_t from_cpuid(void)
{
    uint32_t khz = 0;
    if (cpuid(0, 0).eax >= LEAF_TSC) {
        struct cpuid r = cpuid(LEAF_TSC, 0);
        khz = r.eax ? (uint32_t)((uint64_t)r.ecx * r.ebx / r.eax / 1000) : 0;
    }
    if (!khz && cpu_features.hypervisor && cpuid(LEAF_HYPERVISOR, 0).eax >= LEAF_TIMING)
        khz = cpuid(LEAF_TIMING, 0).eax;
    return khz;
}

// The TSC at an edge of the PM timer, and the timer behind it. The reads around the edge may be torn apart
// (an SMI, a busy host), so the closest of some tries counts. False: the timer stands still.
static bool pm_edge(uint16_t port, uint64_t *tsc, uint32_t *tick)
{
    uint64_t best = ~0ul;
    for (int i = 0; i < EDGE_TRIES; i++) {
        uint32_t old = inl(port), now = old;
        uint64_t before = rdtsc(), after = before;
        for (int reads = 0; now == old && reads < EDGE_READS; reads++) {
            before = after;
            now = inl(port);
            after = rdtsc();
        }
        if (now == old)
            return false;
        if (after - before < best) {
            best = after - before;
            *tsc = before + best / 2;
            *tick = now;
        }
    }
    return true;
}

static uint32_t from_pm_timer(uint16_t port)
{
    uint64_t t0, t1;
    uint32_t start, end;
    if (!port || !pm_edge(port, &t0, &start))
        return 0;
    do
        if (!pm_edge(port, &t1, &end))
            return 0;
    while (((end - start) & PM_MASK) < PM_TICKS);
    uint64_t ticks = (uint64_t)((end - start) & PM_MASK) * 1000;
    return (uint32_t)(((t1 - t0) * PM_HZ + ticks / 2) / ticks);
}

const char *clock_init(uint16_t pm_timer)
{
    if ((tsc_khz = from_cpuid()))
        return "CPUID";
    tsc_khz = from_pm_timer(pm_timer);
    return "PM timer";
}

// Plain instructions between two looks, because an emulator pays for each PAUSE and each clock that is read.
void delay_us(uint32_t us)
{
    uint64_t start = rdtsc(), ticks = (uint64_t)us * tsc_khz / 1000;
    while (rdtsc() - start < ticks)
        for (int i = 0; i < 100; i++)
            asm volatile("");
}
