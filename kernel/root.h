// The root task: found in the boot archive, given everything.
// SPDX-License-Identifier: MIT
#pragma once

#include "kernel/boot/boot.h"
#include "libipc/abi/info.h"

extern struct info_system root_info; // the part that is known at boot

// Loads the program `init` of the boot archive and makes it ready.
void root_start(const struct boot_info *boot, uint64_t boot_tsc);
