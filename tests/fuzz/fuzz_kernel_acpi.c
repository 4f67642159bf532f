// ACPI tables of any content: the input is physical memory, the RSDP its start
// SPDX-License-Identifier: MIT
// LINK: kernel/platform/acpi.c

#include <stddef.h>
#include <stdint.h>

#include "kernel/boot/boot.h"
#include "kernel/lib/print.h"
#include "kernel/platform/acpi.h"
#include "tests/unit/acpi_memory.h"

#define RSDP_AT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const void *boot_pointer(uint64_t phys, uint64_t length)
{
    return view_of(phys, length);
}

void kprintf(const char *format, ...)
{
    (void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_info info;
    memory = data;
    memory_size = size;
    mend = true;
    (void)acpi_read(RSDP_AT, &info);
    forget_views();
    if (info.cpu_count > MAX_CPUS || info.ioapic_count > ACPI_IOAPICS_MAX ||
        info.override_count > ACPI_OVERRIDES_MAX)
        __builtin_trap();
    return 0;
}
