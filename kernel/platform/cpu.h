// The processors: features, control registers, per-CPU data
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/percpu.h"

// What CPU 0 has of the things that the kernel uses when they are there.
struct cpu_features {
    bool smep, smap, umip, x2apic, tsc_deadline, hypervisor;
};
extern struct cpu_features cpu_features;

// Fills cpu_features; panics with one line that names the first needed feature that is missing.
void cpu_check_features(void);

// A struct cpu with its stack, the next of cpus[].
struct cpu *cpu_create(uint32_t apic_id);

// Makes `cpu` this CPU's: GS base and control registers.
void cpu_enter(struct cpu *cpu);

uint32_t cpu_own_apic_id(void);
