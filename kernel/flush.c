// What page-table edits take away must leave the TLBs.
// SPDX-License-Identifier: MIT
//
// Rules. (1) An entry that becomes present, or gains rights, needs no flush: x86 does not cache absent
// entries, and a fault on a stale weaker one is tried again after the hardware dropped it [SDM] 3A 4.10.4.3.
// (2) An entry that goes or loses rights: a process's TLB entries are dropped at once where it is current;
// elsewhere they went with the reload of CR3 at the switch (no PCID). A guest's are dropped before its next
// entry on each CPU (space.flushes against what the CPU saw). All CPUs but the first idle in the kernel at
// this stage and hold no process's entries.
#include "kernel/memory.h"
#include "kernel/percpu.h"
#include "kernel/platform/x86.h"

enum { SINGLE_PAGES_MAX = 16 };

void aspace_flush(struct aspace *a, uint64_t address, uint64_t pages)
{
    if (a->kind == OBJECT_SPACE) {
        a->flushes++;
        return;
    }
    if (this_cpu()->root != phys_of(a->root))
        return;
    if (pages > SINGLE_PAGES_MAX) {
        write_cr3(phys_of(a->root));
        return;
    }
    for (uint64_t i = 0; i < pages; i++)
        invlpg((const void *)(address + i * PAGE_SIZE));
}
