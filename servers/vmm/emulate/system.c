// What the processor itself reads: segment descriptors and the I/O permission map of the TSS.
// SPDX-License-Identifier: MIT
//
// These tables lie in RAM. Their translations are not part of the record: they are looked at once, before the
// first access (permission) or after the last read (descriptors).
#include <string.h>

#include "servers/vmm/emulate/run.h"

enum { TSS_IO_MAP = 102, TSS_TYPE_BUSY = 0xb };

uint8_t *system_byte(struct emu_run *run, uint64_t linear, uint64_t access)
{
    struct walk walk;
    if (!cpu_long_mode(run->cpu))
        linear = (uint32_t)linear;
    else if (!canonical(linear)) {
        raise_error(run, VECTOR_GP, 0);
        return NULL;
    }
    if (!walk_or_stop(run, linear, WALK_IMPLICIT | access, &walk))
        return NULL;
    if (!walk.host)
        unsupported(run);
    return walk.host;
}

bool system_read(struct emu_run *run, uint64_t linear, unsigned size, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        const uint8_t *byte = system_byte(run, linear + i, 0);
        if (!byte)
            return false;
        *value |= (uint64_t)*byte << 8 * i;
    }
    return true;
}

// [SDM] 1 19.5. On a replay the answer was yes.
bool port_allowed(struct emu_run *run, uint16_t port, unsigned size)
{
    const struct vcpu_state *cpu = run->cpu;
    const struct vcpu_segment *tr = &cpu->seg[SEG_TR];
    uint64_t map, bits;
    if (run->progress->count || !(cpu->cr0 & CR0_PE))
        return true;
    if (!(cpu->rflags & RFLAGS_VM) && run->cpl <= (cpu->rflags & RFLAGS_IOPL) >> 12)
        return true;
    want_system(run);
    if ((tr->attributes & 0xf) != TSS_TYPE_BUSY || tr->limit < TSS_IO_MAP + 1)
        return raise_error(run, VECTOR_GP, 0);
    if (!system_read(run, tr->base + TSS_IO_MAP, 2, &map))
        return false;
    map += port / 8;
    if (map + 1 > tr->limit)
        return raise_error(run, VECTOR_GP, 0);
    if (!system_read(run, tr->base + map, 2, &bits))
        return false;
    return !(bits >> port % 8 & ((1u << size) - 1)) || raise_error(run, VECTOR_GP, 0);
}
