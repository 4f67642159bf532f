// Kernel memory: the pool, pages and small blocks, quotas.
// SPDX-License-Identifier: MIT
//
// All kernel memory comes from one pool and is charged to a process's quota; quotas are split off from the
// root task's, so what is granted is there. Freed memory is handed out again zeroed.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/boot/boot.h"

struct process;

void kmem_init(struct range pool);

// Zeroed memory; sizes are rounded up to a power of two from 64 bytes to a page, above that to whole pages
// that are contiguous. NULL: the quota (or, for the kernel itself, payer NULL, the pool) is used up.
void *kmem_alloc(struct process *payer, size_t bytes);
// The same for what the kernel cannot do without: panics instead.
void *kmem_need(struct process *payer, size_t bytes);
// NULL is no block, and nothing happens.
void kmem_free(struct process *payer, void *block, size_t bytes);

// What a block of this size costs.
size_t kmem_cost(size_t bytes);
extern size_t kmem_total_pages, kmem_free_pages; // of the pool
