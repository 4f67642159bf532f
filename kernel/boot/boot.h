// What the kernel learns from its loader
// SPDX-License-Identifier: MIT
//
// Both ways in (PVH, multiboot2) fill one struct boot_info in the image; nothing of the loader's own memory
// is needed afterwards but the boot archive. kernel_main() runs on CPU 0 on the final page tables, with a
// stack of its own and the GS base set, interrupts off, no IDT, and the console usable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_RANGES_MAX  64
#define BOOT_CMDLINE_MAX 1024

// Bytes of physical memory.
struct range {
    uint64_t base, size;
};

struct range_list {
    uint32_t count;
    struct range range[BOOT_RANGES_MAX];
};

struct boot_info {
    struct range_list ram;  // usable memory: page aligned, sorted, disjoint, not adjacent
    struct range_list free; // of it, what is not image, pool, archive or start-up page: never mapped here
    struct range archive;   // the first module, byte exact
    struct range image;     // the kernel, page aligned
    struct range pool;      // kernel's own memory, PAGE_2M aligned, mapped at POOL_WINDOW + base
    uint64_t rsdp;          // physical address, 0 when the loader told none
    uint64_t startup_page;  // below 1 MiB, for the start of the other CPUs
    const char *loader;     // "PVH" or "multiboot2"
    char cmdline[BOOT_CMDLINE_MAX];
};

// The core's entry.
_Noreturn void kernel_main(const struct boot_info *info);

// Words on the command line, as `name` or `name=value`. option_value() returns NULL when absent, else where
// the value starts ("" for a bare word) and its length.
bool option(const char *name);
const char *option_value(const char *name, size_t *length);

// Zeroed pages from the start of the pool, for what lives for ever; only before early_seal().
void *early_pages(size_t count);

// Ends early_pages() and returns what is left of the pool, page aligned.
struct range early_seal(void);
