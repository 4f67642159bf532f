// How fast the TSC counts
// SPDX-License-Identifier: MIT
//
// Told by CPUID where it is known; else measured over 20 ms against the ACPI PM timer, at the edges of its
// ticks, or, on a machine without a working one, against channel 2 of the PIT. Both have the same
// crystal: 14.31818 MHz / 4 and / 12.

#include "kernel/platform/clock.h"

#include "kernel/platform/cpu.h"
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

#define PIT_HZ      1193182u
#define PIT_TICKS   (PIT_HZ / 50)
#define PIT_CONTROL 0x43
#define PIT_DATA_2  0x42
#define PIT_MODE    0xb0 // channel 2, low and high byte, mode 0: OUT rises at the end
#define PORT_B      0x61
#define PORT_B_GATE 0x01
#define PORT_B_BEEP 0x02
#define PORT_B_OUT  0x20
#define PIT_READS   10000000

#define SPIN 100

uint32_t tsc_khz;

// Short; plain instructions, because an emulator pays for each PAUSE and each clock that is read.
static void spin(void)
{
    for (int i = 0; i < SPIN; i++)
        asm volatile("");
}

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
    while (((inl(port) - start) & PM_MASK) < PM_TICKS)
        spin();
    if (!pm_edge(port, &t1, &end))
        return 0;
    return (uint32_t)((t1 - t0) * PM_HZ / ((end - start) & PM_MASK) / 1000);
}

static uint32_t from_pit(void)
{
    uint8_t port_b = inb(PORT_B) & (uint8_t)~PORT_B_BEEP;
    outb(PORT_B, port_b | PORT_B_GATE);
    outb(PIT_CONTROL, PIT_MODE);
    outb(PIT_DATA_2, PIT_TICKS & 0xff);
    outb(PIT_DATA_2, PIT_TICKS >> 8);
    uint64_t t0 = rdtsc();
    int reads = 0;
    while (!(inb(PORT_B) & PORT_B_OUT) && reads < PIT_READS)
        reads++;
    uint64_t t1 = rdtsc();
    outb(PORT_B, port_b);
    return reads < PIT_READS ? (uint32_t)((t1 - t0) * PIT_HZ / PIT_TICKS / 1000) : 0;
}

const char *clock_init(const struct acpi_info *acpi)
{
    if ((tsc_khz = from_cpuid()))
        return "CPUID";
    if ((tsc_khz = from_pm_timer(acpi->pm_timer)))
        return "PM timer";
    tsc_khz = from_pit();
    return "PIT";
}

void delay_us(uint32_t us)
{
    uint64_t start = rdtsc(), ticks = (uint64_t)us * tsc_khz / 1000;
    while (rdtsc() - start < ticks)
        spin();
}
