// The TSC's rate, asked once.
// SPDX-License-Identifier: MIT
#include "libipc/time.h"

#include "libipc/syscall.h"

#define KHZ_PER_GHZ UINT64_C(1000000)

uint64_t tsc_khz, tsc_per_ns, ns_per_tsc, boot_tsc;

void time_init(void)
{
    const struct info_system *info = (const struct info_system *)(const void *)utcb()->words;
    if (sys_info(SLOT_NONE, INFO_SYSTEM) != STATUS_OK)
        return;
    tsc_khz = info->tsc_khz;
    boot_tsc = info->boot_tsc;
    tsc_per_ns = (tsc_khz << 32) / KHZ_PER_GHZ;
    ns_per_tsc = (KHZ_PER_GHZ << 32) / tsc_khz;
}
