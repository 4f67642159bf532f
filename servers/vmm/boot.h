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
    uint64_t number; // by which the pager knows it
    uint64_t skip;   // of its first byte in its first page
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

// Where things lie below 1 MiB. What a kernel file wants loaded may take all before BOOT_OWN.
enum boot_place {
    BOOT_OWN = 0x90000,
    BOOT_TABLES = 0x90000, // page tables: 6 pages
    BOOT_GDT = 0x96000,
    BOOT_PARAMS = 0x97000,
    BOOT_CMDLINE = 0x98000,
    BOOT_ACPI = 0xe0000,
    BOOT_ACPI_BYTES = 0x10000,
    BOOT_KERNEL = 0x100000,
};

void boot_reset_state(struct vcpu_state *state); // as after RESET [SDM] 3A 9.1.1
// Flat segments: code and data with base 0 and limit 4 GiB; `wide`: 64-bit code.
void boot_flat_segments(struct vcpu_state *state, bool wide);
// 32-bit protected mode without paging at `entry`, as PVH and Multiboot have it.
void boot_protected_mode(struct vcpu_state *state, uint64_t entry);
// What a PC's firmware leaves behind: handlers of real mode's interrupts, the 8259s and the timer set up.
void boot_firmware(void);
// Where a kernel may be loaded; NULL: not all of it is RAM, or some of it is ours.
void *boot_room(uint64_t gpa, uint64_t bytes);
// Bytes of an image appear at an address in RAM: whole pages as shared ones, if they lie alike in both.
void boot_put(const struct boot_image *image, uint64_t offset, uint64_t bytes, uint64_t gpa);
// Writes the command line; returns its address.
uint32_t boot_cmdline(void);
// Places the initrd as high as it may lie: from `floor` (the kernel's end) on and below `limit`. 0: it does
// not fit.
uint64_t boot_place_initrd(const struct boot_image *initrd, uint64_t floor, uint64_t limit);
uint64_t boot_low_ram(void); // end of the RAM from 1 MiB on
