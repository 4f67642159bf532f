// Local APIC, and its timer: one interrupt at a TSC value
// SPDX-License-Identifier: MIT
//
// [SDM] 3A 11. Registers by MSRs (x2APIC) where the CPU has that, else by memory. In x2APIC mode an address
// of the memory page becomes MSR 0x800 + address / 16, and the interrupt command is one 64-bit register.
// The timer is the TSC-deadline MSR where the CPU has it; else a down-counter, whose rate is measured against
// the TSC.

#include "kernel/lib/print.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/parts.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define BASE_X2APIC (1ul << 10)
#define BASE_ENABLE (1ul << 11)

#define REG_TPR       0x80
#define REG_EOI       0xb0
#define REG_SPURIOUS  0xf0
#define REG_ERROR     0x280
#define REG_COMMAND   0x300 // the upper half is 0x310, in memory only
#define REG_LVT_TIMER 0x320
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370
#define REG_COUNT     0x380
#define REG_LEFT      0x390
#define REG_DIVIDE    0x3e0

#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED      (1u << 16)
#define LVT_DEADLINE    (1u << 18)
#define MODE_INIT       (5u << 8)
#define MODE_STARTUP    (6u << 8)
#define COMMAND_PENDING (1u << 12)
#define COMMAND_ASSERT  (1u << 14)
#define DIVIDE_BY_1     0xb

#define PENDING_MAX 1000000
#define INIT_US     10000
#define STARTUP_US  200
#define MEASURE_US  10000
#define COUNT_MAX   0xffffffffu

static volatile uint32_t *memory; // NULL in x2APIC mode
static uint64_t counts_per_tsc;   // 32.32 fixed point

static void write_register(uint32_t reg, uint32_t v)
{
    if (memory)
        memory[reg / 4] = v;
    else
        wrmsr(MSR_X2APIC + reg / 16, v);
}

static uint32_t read_register(uint32_t reg)
{
    return memory ? memory[reg / 4] : (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
}

// The fence keeps what was stored before visible before the interrupt; writes by MSR do not order [SDM
// 3A 11.12.3].
static void command(uint32_t apic_id, uint32_t v)
{
    if (!memory) {
        asm volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC + REG_COMMAND / 16, (uint64_t)apic_id << 32 | COMMAND_ASSERT | v);
        return;
    }
    for (uint32_t i = 0; i < PENDING_MAX && memory[REG_COMMAND / 4] & COMMAND_PENDING; i++)
        cpu_relax();
    memory[(REG_COMMAND + 0x10) / 4] = apic_id << 24;
    memory[REG_COMMAND / 4] = COMMAND_ASSERT | v;
}

void lapic_init(uint64_t address)
{
    if (!cpu_features.x2apic)
        memory = device_map(address);
}

void lapic_enter(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE); // x2APIC only from there [SDM 3A 11.12.1]
    if (!memory)
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE | BASE_X2APIC);
    write_register(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write_register(REG_TPR, 0);
    write_register(REG_LVT_LINT0, LVT_MASKED);
    write_register(REG_LVT_LINT1, LVT_MASKED);
    write_register(REG_ERROR, 0);
    write_register(REG_LVT_ERROR, VECTOR_ERROR);
    write_register(REG_DIVIDE, DIVIDE_BY_1);
    write_register(REG_LVT_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? LVT_DEADLINE : 0));
    asm volatile("mfence" ::: "memory"); // before the first deadline [SDM 3A 11.5.4.1]
}

void lapic_eoi(void)
{
    write_register(REG_EOI, 0);
}

void lapic_look_again(void)
{
    write_register(REG_TPR, 0);
}

void lapic_error(void)
{
    write_register(REG_ERROR, 0); // latches the errors since the last write
    kprintf("platform: local APIC %u reports error %x\n", this_cpu()->apic_id, read_register(REG_ERROR));
    lapic_eoi();
}

void lapic_start_cpu(uint32_t apic_id, uint64_t page)
{
    command(apic_id, MODE_INIT);
    delay_us(INIT_US);
    for (int i = 0; i < 2; i++) {
        command(apic_id, MODE_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
        delay_us(STARTUP_US);
    }
}

void lapic_timer_init(void)
{
    if (cpu_features.tsc_deadline)
        return;
    uint64_t start = rdtsc();
    write_register(REG_COUNT, COUNT_MAX);
    delay_us(MEASURE_US);
    uint64_t counts = COUNT_MAX - read_register(REG_LEFT);
    counts_per_tsc = (counts << 32) / (rdtsc() - start);
    write_register(REG_COUNT, 0);
}

// A deadline further off than the counter reaches gives an interrupt before it; one in the past gives it at
// once.
void timer_arm(uint64_t tsc_deadline)
{
    if (cpu_features.tsc_deadline) {
        wrmsr(MSR_TSC_DEADLINE, tsc_deadline);
        return;
    }
    uint64_t now = rdtsc(), ticks = tsc_deadline > now ? tsc_deadline - now : 0;
    unsigned __int128 counts = ((unsigned __int128)ticks * counts_per_tsc >> 32) + 1;
    write_register(REG_COUNT, counts < COUNT_MAX ? (uint32_t)counts : COUNT_MAX);
}
