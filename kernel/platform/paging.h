// The kernel's own page tables
// SPDX-License-Identifier: MIT
//
// Built once at boot in the pool, shared by all CPUs and all processes, never edited after boot_end().
#pragma once

#include "kernel/boot/boot.h"

// Builds and loads the final tables: image, pool, and, until boot_end(), the first 4 GiB at 0.
void paging_init(const struct boot_info *info);

// A new stack in the stack window for CPU number `cpu`, with a guard page; returns its top.
uint64_t paging_map_stack(uint32_t cpu);
