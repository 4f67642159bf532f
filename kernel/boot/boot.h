// What the kernel learns from its loader
// SPDX-License-Identifier: MIT
//
// Both ways in (PVH, multiboot2) fill one struct boot_info and the memory map (map.h). kernel_main() runs on
// CPU 0 on the final page tables, with a stack of its own and the GS base set, interrupts off, no IDT, and
// the console usable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/boot/map.h"

struct boot_info {
    struct range archive;  // the first module, byte exact
    struct range pool;     // kernel's own memory, PAGE_2M aligned, mapped at POOL_WINDOW + base
    uint64_t rsdp;         // physical address, 0 when the loader told none
    uint64_t startup_page; // below 1 MiB, for the start of the other CPUs
    const char *loader;    // "PVH" or "multiboot2"
};

// The core's entry.
_Noreturn void kernel_main(const struct boot_info *info);

// Is this word on the command line?
bool option(const char *name);

// Physical memory as firmware and loader left it, read-only and until boot_end(): below 4 GiB, else NULL.
const void *boot_pointer(uint64_t phys, uint64_t length);
void boot_end(void);

// The loaders.
#define LOADED_BY_PVH        0
#define LOADED_BY_MULTIBOOT2 0x36d76289

// Each fills the memory map, the command line, and loader, archive and rsdp (as far as the loader tells) from
// the information at `at` and returns NULL, or says what is wrong with it.
const char *pvh_read(struct boot_info *info, uint64_t at);
const char *multiboot2_read(struct boot_info *info, uint64_t at);

// Keeps the command line; too long a one is cut.
void boot_set_cmdline(const char *text, size_t max);
