// ACPI tables of any content: the input is physical memory, the RSDP its start
// SPDX-License-Identifier: MIT
// LINK: kernel/platform/acpi.c kernel/platform/madt.c

#include <stddef.h>
#include <stdint.h>

#include "kernel/platform/acpi.h"
#include "tests/unit/acpi_memory.h"

#define RSDP_AT 16 // 0 would search the BIOS's area

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_info info;
    memory = data;
    memory_size = size;
    mend = true;
    (void)acpi_read(RSDP_AT, &info);
    temp_unmap();
    if (info.cpu_count > MAX_CPUS || info.ioapic_count > ACPI_IOAPICS_MAX || info.nmi_count > ACPI_NMIS_MAX)
        __builtin_trap();
    return 0;
}
