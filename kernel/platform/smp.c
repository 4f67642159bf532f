// Starting the other CPUs
// SPDX-License-Identifier: MIT
//
// One at a time: CPU 0 lays the newcomer's struct cpu into smp_offer and sends INIT and two start-up IPIs
// ([SDM] 3A 9.4.4.1); the newcomer takes the offer with one exchange (boot/entry.S). An offer that nobody
// took in time is withdrawn by the same exchange, so a CPU that wakes up late finds none and stays parked;
// one that takes another's offer parks too. The start-up page is the kernel's for ever and stays mapped, not
// executable.

#include <stdatomic.h>

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/lapic.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/smp.h"
#include "kernel/platform/x86.h"

#define INIT_US    10000
#define STARTUP_US 200
#define STEP_US    100
#define ANSWER_US  2000000

extern const char startup_code[], startup_code_end[];

struct cpu *_Atomic smp_offer;
static uint64_t startup_page;

void smp_init(const struct boot_info *info)
{
    startup_page = info->startup_page;
    if (startup_page == 0 && cpu_count > 1)
        kprintf("platform: no free page below 1 MiB, the other CPUs stay off\n");
}

void smp_main(struct cpu *cpu)
{
    if (cpu_own_apic_id() == cpu->apic_id) {
        cpu_enter(cpu);
        lapic_enter();
        cpu_init(cpu);
        atomic_store(&cpu->online, true);
        for (;;)
            interrupts_wait();
    }
    for (;;)
        halt();
}

static bool wait_until_online(const struct cpu *cpu)
{
    for (uint32_t us = 0; us < ANSWER_US && !atomic_load(&cpu->online); us += STEP_US)
        delay_us(STEP_US);
    return atomic_load(&cpu->online);
}

static bool start(struct cpu *cpu)
{
    atomic_store(&smp_offer, cpu);
    lapic_send_init(cpu->apic_id);
    delay_us(INIT_US);
    for (int i = 0; i < 2; i++) {
        lapic_send_startup(cpu->apic_id, startup_page);
        delay_us(STARTUP_US);
    }
    if (wait_until_online(cpu))
        return true;
    return !atomic_exchange(&smp_offer, NULL) && wait_until_online(cpu);
}

uint32_t smp_start(void)
{
    atomic_store(&cpus[0]->online, true);
    uint32_t online = 1;
    if (startup_page == 0 || cpu_count == 1)
        return online;
    volatile char *page = device_map(startup_page, PAGE_SIZE);
    for (size_t i = 0; i < (size_t)(startup_code_end - startup_code); i++)
        page[i] = startup_code[i];
    for (uint32_t i = 1; i < cpu_count; i++) {
        if (start(cpus[i]))
            online++;
        else
            kprintf("platform: CPU %u (APIC %u) does not answer, going on without it\n", i, cpus[i]->apic_id);
    }
    return online;
}
