// Starting the other CPUs
// SPDX-License-Identifier: MIT
//
// One at a time: CPU 0 lays the newcomer's struct cpu into smp_offer and sends INIT and two start-up IPIs
// ([SDM] 3A 9.4.4.1); the newcomer takes the offer with one exchange (boot/entry.S). An offer that nobody
// took in time is withdrawn by the same exchange, so a CPU that wakes up late finds none and stays parked;
// one that takes another's offer parks too. The start-up page is the kernel's for ever.

#include <stdatomic.h>

#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/parts.h"
#include "kernel/platform/platform.h"
#include "kernel/platform/x86.h"

#define STEP_US   100
#define ANSWER_US 2000000

extern const char startup_code[], startup_code_end[];

struct cpu *_Atomic smp_offer;

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

static bool start(struct cpu *cpu, uint64_t page)
{
    atomic_store(&smp_offer, cpu);
    lapic_start_cpu(cpu->apic_id, page);
    return wait_until_online(cpu) || (!atomic_exchange(&smp_offer, NULL) && wait_until_online(cpu));
}

uint32_t smp_start(uint64_t startup_page)
{
    uint32_t online = 1;
    cpus[0]->online = true;
    if (startup_page)
        memcpy((void *)startup_page, startup_code, (size_t)(startup_code_end - startup_code));
    else if (cpu_count > 1)
        kprintf("platform: no free page below 1 MiB, the other CPUs stay off\n");
    for (uint32_t i = 1; i < cpu_count && startup_page; i++) {
        if (start(cpus[i], startup_page))
            online++;
        else
            kprintf("platform: CPU %u (APIC %u) does not answer, going on without it\n", i, cpus[i]->apic_id);
    }
    return online;
}
