// Bringing the machine up
// SPDX-License-Identifier: MIT

#include "kernel/platform/platform.h"

#include "kernel/lib/print.h"
#include "kernel/platform/cpu.h"
#include "kernel/platform/parts.h"

uint64_t acpi_root;

void platform_init(const struct boot_info *info)
{
    static struct acpi_info acpi;
    const char *error = acpi_read(info->rsdp, &acpi);
    if (error)
        panic("platform: %s", error);
    acpi_root = acpi.root;
    // CPU 0 is there already; the others get their memory now, whether or not they will answer.
    for (uint32_t i = 0; i < acpi.cpu_count && cpu_count < MAX_CPUS; i++)
        if (acpi.cpu[i] != cpus[0]->apic_id)
            cpu_create(acpi.cpu[i]);
    if (acpi.cpus_ignored)
        kprintf("platform: %u CPUs beyond %u stay off\n", acpi.cpus_ignored, MAX_CPUS);
    ioapic_init(&acpi);
    lapic_init(acpi.lapic);
    lapic_enter();
    const char *reference = clock_init(acpi.pm_timer);
    if (!tsc_khz)
        panic("platform: no timer to measure the TSC with (ACPI PM timer)");
    lapic_timer_init();
    kprintf("platform: %u CPUs, %s, %u interrupt lines, TSC %u kHz (%s), timer by %s\n", cpu_count,
            cpu_features.x2apic ? "x2APIC" : "xAPIC", irq_count(), tsc_khz, reference,
            cpu_features.tsc_deadline ? "TSC deadline" : "local APIC");
}
