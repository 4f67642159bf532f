// Local APIC
// SPDX-License-Identifier: MIT
//
// [SDM] 3A 11. Registers by MSRs (x2APIC) where the CPU has that, else by memory. In x2APIC mode an address
// of the memory page becomes MSR 0x800 + address / 16, and the interrupt command is one 64-bit register.

#include "kernel/platform/lapic.h"

#include "kernel/lib/print.h"
#include "kernel/platform/cpu.h"
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
#define REG_LVT_ERROR 0x370
#define REG_COUNT     0x380
#define REG_LEFT      0x390
#define REG_DIVIDE    0x3e0

#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED      (1u << 16)
#define LVT_DEADLINE    (1u << 18)
#define MODE_NMI        (4u << 8)
#define MODE_INIT       (5u << 8)
#define MODE_STARTUP    (6u << 8)
#define COMMAND_PENDING (1u << 12)
#define COMMAND_ASSERT  (1u << 14)
#define COMMAND_OTHERS  (3u << 18)
#define DIVIDE_BY_1     0xb

#define PENDING_MAX 1000000

static volatile uint32_t *memory; // NULL in x2APIC mode
static const struct acpi_info *acpi_info;

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
        wrmsr(MSR_X2APIC + REG_COMMAND / 16, (uint64_t)apic_id << 32 | v);
        return;
    }
    for (uint32_t i = 0; i < PENDING_MAX && memory[REG_COMMAND / 4] & COMMAND_PENDING; i++)
        cpu_relax();
    memory[(REG_COMMAND + 0x10) / 4] = apic_id << 24;
    memory[REG_COMMAND / 4] = v;
}

void lapic_init(const struct acpi_info *acpi)
{
    acpi_info = acpi;
    if (!cpu_features.x2apic)
        memory = device_map(acpi->lapic, PAGE_SIZE);
}

// The NMI lines of this CPU; the other line has nothing to say to us.
static void set_lint(void)
{
    uint32_t uid = ACPI_ALL_CPUS;
    for (uint32_t i = 0; i < acpi_info->cpu_count; i++)
        if (acpi_info->cpu[i].apic_id == this_cpu()->apic_id)
            uid = acpi_info->cpu[i].uid;
    for (uint32_t lint = 0; lint < 2; lint++)
        write_register(REG_LVT_LINT0 + lint * 0x10, LVT_MASKED);
    for (uint32_t i = 0; i < acpi_info->nmi_count; i++)
        if (acpi_info->nmi[i].uid == ACPI_ALL_CPUS || acpi_info->nmi[i].uid == uid)
            write_register(REG_LVT_LINT0 + acpi_info->nmi[i].lint * 0x10u, MODE_NMI);
}

void lapic_enter(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE); // x2APIC only from there [SDM 3A 11.12.1]
    if (!memory)
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE | BASE_X2APIC);
    write_register(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write_register(REG_TPR, 0);
    set_lint();
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

void lapic_error(void)
{
    write_register(REG_ERROR, 0); // latches the errors since the last write
    kprintf("platform: local APIC %u reports error %x\n", this_cpu()->apic_id, read_register(REG_ERROR));
}

void lapic_send_init(uint32_t apic_id)
{
    command(apic_id, MODE_INIT | COMMAND_ASSERT);
}

void lapic_send_startup(uint32_t apic_id, uint64_t page)
{
    command(apic_id, MODE_STARTUP | COMMAND_ASSERT | (uint32_t)(page >> PAGE_SHIFT));
}

void lapic_timer_count(uint32_t count)
{
    write_register(REG_COUNT, count);
}

uint32_t lapic_timer_left(void)
{
    return read_register(REG_LEFT);
}
