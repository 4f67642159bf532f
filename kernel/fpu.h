// Extended state (x87, SSE, AVX, ...) of threads and vCPUs, switched eagerly.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/exec.h"
#include "kernel/percpu.h"

void fpu_init(void);             // once, before any area is allocated
void fpu_init_cpu(void);         // on each CPU
uint64_t fpu_features(void);     // XCR0 of threads, and what a guest may set
size_t fpu_bytes(void);          // of an area
bool fpu_xcr0_ok(uint64_t xcr0); // may a guest have this value?
void *fpu_alloc(struct process *payer);
void fpu_free(struct exec *e);
void fpu_switch(struct cpu *cpu, struct exec *to); // saves the owner's, loads to's
void fpu_save(struct exec *e);                     // its area is up to date
