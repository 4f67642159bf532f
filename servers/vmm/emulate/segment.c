// Segmentation: from a segment and an offset to a linear address.
// SPDX-License-Identifier: MIT
//
// [SDM] 3A 5.3 to 5.5, [APM] 2 4.12. In real and virtual-8086 mode only limits count: the types are left
// over.
#include "servers/vmm/emulate/run.h"

static bool segment_fault(struct emu_run *run, unsigned segment)
{
    return raise_error(run, segment == SEG_SS ? VECTOR_SS : VECTOR_GP, 0);
}

static bool type_allows(const struct vcpu_segment *seg, bool write)
{
    if (!(seg->attributes & SEG_PRESENT))
        return false;
    bool code = seg->attributes & SEG_CODE, second = seg->attributes & SEG_WRITABLE;
    return code ? !write && second : !write || second;
}

static bool limit_allows(const struct vcpu_segment *seg, uint32_t offset, unsigned size)
{
    uint64_t last = (uint64_t)offset + size - 1;
    if ((seg->attributes & (SEG_CODE | SEG_EXPAND_DOWN)) != SEG_EXPAND_DOWN)
        return last <= seg->limit;
    return offset > seg->limit && last <= (seg->attributes & SEG_BIG ? UINT32_MAX : UINT16_MAX);
}

bool linear_address(struct emu_run *run, unsigned segment, uint64_t offset, unsigned size, bool write,
                    uint64_t *linear)
{
    const struct vcpu_segment *seg = &run->cpu->seg[segment];
    if (run->mode == CODE_64) {
        *linear = offset + (segment == SEG_FS || segment == SEG_GS ? seg->base : 0);
        bool whole = canonical(*linear) && canonical(*linear + size - 1);
        return whole || segment_fault(run, segment);
    }
    *linear = (uint32_t)(seg->base + offset);
    if (!cpu_real_segments(run->cpu) && !type_allows(seg, write))
        return segment_fault(run, segment);
    return limit_allows(seg, (uint32_t)offset, size) || segment_fault(run, segment);
}
