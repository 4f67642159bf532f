// ACPI tables of any content, as the supervisor reads them: the input is physical memory
// SPDX-License-Identifier: MIT
// LINK: servers/init/acpi.c

#include <stddef.h>
#include <stdint.h>

#include "servers/init/acpi.h"
#include "tests/unit/acpi_memory.h"

#define ROOT_AT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const void *firmware_at(uint64_t phys, uint64_t length)
{
    return view_of(phys, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acpi_off off;
    memory = data;
    memory_size = size;
    mend = true;
    if (acpi_read_off(ROOT_AT, &off) && (off.control[0] == 0 || off.type[0] > 7 || off.type[1] > 7))
        __builtin_trap();
    forget_views();
    return 0;
}
