// Ways to start a guest's kernel: one row a format.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"

struct boot_image {
    const uint8_t *bytes;
    size_t size;
};

struct boot_format {
    const char *name;
    bool (*recognise)(const struct boot_image *kernel);
    // Loads it and sets the registers in which this format differs from boot_reset_state(). NULL: good; else
    // what is wrong.
    const char *(*load)(const struct boot_image *kernel, const struct boot_image *initrd,
                        struct vcpu_state *state);
};

extern const struct boot_format boot_linux; // bzImage, 64-bit entry
extern const struct boot_format boot_pvh;   // ELF with a PVH note
extern const struct boot_format boot_multiboot;

// Where things lie in the first MiB.
enum boot_place {
    BOOT_GDT = 0x8000,
    BOOT_TABLES = 0x9000, // page tables: 6 pages
    BOOT_PARAMS = 0x10000,
    BOOT_CMDLINE = 0x20000,
    BOOT_MODULES = 0x30000,
    BOOT_ACPI = 0xe0000,
    BOOT_ACPI_BYTES = 0x10000,
    BOOT_KERNEL = 0x100000,
};

void boot_reset_state(struct vcpu_state *state); // as after RESET [SDM] 3A 9.1.1
// Flat segments: code and data with base 0 and limit 4 GiB; `wide`: 64-bit code.
void boot_flat_segments(struct vcpu_state *state, bool wide);
// Places the initrd as high as it may lie; 0: it does not fit.
uint64_t boot_place_initrd(const struct boot_image *initrd, uint64_t limit);
uint64_t boot_low_ram(void);
