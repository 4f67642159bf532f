// Bringing the machine up
// SPDX-License-Identifier: MIT

#include "kernel/platform/platform.h"

#include "kernel/lib/print.h"
#include "kernel/platform/acpi.h"
#include "kernel/platform/clock.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/ioapic.h"
#include "kernel/platform/lapic.h"
#include "kernel/platform/power.h"
#include "kernel/platform/smp.h"

static struct acpi_info acpi;

// CPU 0 is there already; the others get their memory now, whether or not they will answer.
static void create_cpus(void)
{
    for (uint32_t i = 0; i < acpi.cpu_count && cpu_count < MAX_CPUS; i++)
        if (acpi.cpu[i].apic_id != cpus[0]->apic_id)
            cpu_create(acpi.cpu[i].apic_id);
    if (acpi.cpus_ignored)
        kprintf("platform: %u CPUs beyond %u stay off\n", acpi.cpus_ignored, MAX_CPUS);
}

void platform_init(const struct boot_info *info)
{
    const char *error = acpi_read(info->rsdp, &acpi);
    if (error)
        panic("platform: %s", error);
    power_init(&acpi);
    create_cpus();
    smp_init(info);
    if (acpi.has_8259)
        pic_disable();
    ioapic_init(&acpi);
    lapic_init(&acpi);
    lapic_enter();
    const char *reference = clock_init(&acpi);
    if (!tsc_khz)
        panic("platform: no timer to measure the TSC with (ACPI PM timer, PIT)");
    timer_init();
    kprintf("platform: %u CPUs, %s, %u interrupt lines, TSC %u kHz (%s), timer by %s\n", cpu_count,
            cpu_features.x2apic ? "x2APIC" : "xAPIC", irq_count(), tsc_khz, reference,
            cpu_features.tsc_deadline ? "TSC deadline" : "local APIC");
}
