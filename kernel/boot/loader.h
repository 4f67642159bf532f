// The two loaders
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot/boot.h"

#define LOADED_BY_PVH        0
#define LOADED_BY_MULTIBOOT2 0x36d76289

// Each fills the memory map, the command line, and loader, archive and rsdp (as far as the loader tells) from
// the information at `at` and returns NULL, or says what is wrong with it.
const char *pvh_read(struct boot_info *info, uint64_t at);
const char *multiboot2_read(struct boot_info *info, uint64_t at);

// Keeps the command line; too long a one is cut.
void boot_set_cmdline(const char *text, size_t max);
