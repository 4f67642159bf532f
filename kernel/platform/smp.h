// Starting the other CPUs, platform-internal part (the rest is in platform.h)
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot/boot.h"
#include "kernel/percpu.h"

extern struct cpu *_Atomic smp_offer; // taken by the newcomer in boot/entry.S

void smp_init(const struct boot_info *info);

_Noreturn void smp_main(struct cpu *cpu); // C entry of the others
