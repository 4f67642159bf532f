// Tables in a megabyte of physical memory
// SPDX-License-Identifier: MIT
#pragma once

#include "tests/unit/acpi_memory.h"

#define MEMORY 0x100000

static uint8_t ram[MEMORY];

static void put(uint64_t at, uint64_t value, size_t size)
{
    memcpy(&ram[at], &value, size);
}

static void sign(uint64_t at, const char *signature, size_t length)
{
    memcpy(&ram[at], signature, length);
}

static void sum_up(uint64_t at, size_t length, size_t checksum)
{
    ram[at + checksum] = 0;
    mend_sum(&ram[at], length, checksum);
}

static void table(uint64_t at, const char *signature, const void *body, size_t size)
{
    memset(&ram[at], 0, 36);
    sign(at, signature, 4);
    put(at + 4, 36 + size, 4);
    memcpy(&ram[at + 36], body, size);
    sum_up(at, 36 + size, 9);
}
