// The two loaders, and access to what they left in memory
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot/boot.h"

#define LOADED_BY_PVH        0
#define LOADED_BY_MULTIBOOT2 0x36d76289

// Each fills ram, archive, cmdline and rsdp (as far as the loader tells) from the information at `at` and
// returns NULL, or says what is wrong with it.
const char *pvh_read(struct boot_info *info, uint64_t at);
const char *multiboot2_read(struct boot_info *info, uint64_t at);

// Memory as the loader left it, while the boot tables are in use: below 4 GiB, else NULL.
const void *boot_pointer(uint64_t phys, uint64_t length);

// Copies the command line; too long a one is cut.
void boot_set_cmdline(struct boot_info *info, const char *text, size_t max);
