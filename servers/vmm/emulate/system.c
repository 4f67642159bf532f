// What the processor itself reads: segment descriptors and the I/O permission map of the TSS.
// SPDX-License-Identifier: MIT
//
// These tables lie in RAM. Their translations are not part of the record: they are looked at once, before the
// first access (permission) or after the last read (descriptors).
#include <string.h>

#include "servers/vmm/emulate/run.h"

enum { TSS_IO_MAP = 102, TSS_TYPE_BUSY = 0xb, SELECTOR_TI = 4, SELECTOR_RPL = 3 };

static uint8_t *system_byte(struct emu_run *run, uint64_t linear, uint64_t access)
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

static bool system_read(struct emu_run *run, uint64_t linear, unsigned size, uint64_t *value)
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

static void set_segment(struct emu_run *run, unsigned segment, const struct vcpu_segment *value)
{
    run->segment_register = (uint8_t)segment;
    run->segment = *value;
}

static struct vcpu_segment unpack(uint16_t selector, uint64_t descriptor)
{
    uint32_t limit = (uint32_t)((descriptor & 0xffff) | (descriptor >> 32 & 0xf0000));
    bool pages = descriptor >> 55 & 1;
    return (struct vcpu_segment){
        .selector = selector,
        .attributes = (uint16_t)((descriptor >> 40 & 0xff) | (descriptor >> 52 & 0xf) << 8),
        .limit = pages ? limit << 12 | 0xfff : limit,
        .base = (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24,
    };
}

// [SDM] 2 MOV, "Loading a segment register while in protected mode": zero, or the vector to raise.
static enum vector check_segment(const struct emu_run *run, bool stack, const struct vcpu_segment *seg)
{
    uint16_t attributes = seg->attributes;
    unsigned rpl = seg->selector & SELECTOR_RPL, dpl = SEG_DPL(seg);
    bool code = attributes & SEG_CODE, second = attributes & SEG_WRITABLE;
    bool conforming = code && (attributes & SEG_EXPAND_DOWN);
    if (!(attributes & SEG_NOT_SYSTEM))
        return VECTOR_GP;
    if (stack ? rpl != run->cpl || dpl != run->cpl || code || !second : code && !second)
        return VECTOR_GP;
    if (!stack && !conforming && (rpl > dpl || run->cpl > dpl))
        return VECTOR_GP;
    if (!(attributes & SEG_PRESENT))
        return stack ? VECTOR_SS : VECTOR_NP;
    return 0;
}

static bool load_null(struct emu_run *run, unsigned segment, uint16_t selector)
{
    bool allowed = segment != SEG_SS || (run->mode == CODE_64 && run->cpl < 3 && selector == run->cpl);
    if (!allowed)
        return raise_error(run, VECTOR_GP, 0);
    uint16_t attributes = segment == SEG_SS ? (uint16_t)(run->cpl << 5) : 0;
    set_segment(run, segment, &(struct vcpu_segment){.selector = selector, .attributes = attributes});
    return true;
}

static bool load_descriptor(struct emu_run *run, unsigned segment, uint16_t selector)
{
    const struct vcpu_state *cpu = run->cpu;
    const struct vcpu_segment *ldtr = &cpu->seg[SEG_LDTR];
    bool local = selector & SELECTOR_TI;
    uint32_t error = selector & ~(uint32_t)SELECTOR_RPL, offset = selector & ~UINT32_C(7);
    uint64_t descriptor, limit = local ? ldtr->limit : cpu->gdtr.limit;
    uint64_t linear = (local ? ldtr->base : cpu->gdtr.base) + offset;
    if (offset + 7 > limit || (local && !(ldtr->attributes & SEG_PRESENT)))
        return raise_error(run, VECTOR_GP, error);
    if (!system_read(run, linear, 8, &descriptor))
        return false;
    struct vcpu_segment seg = unpack(selector, descriptor);
    enum vector fault = check_segment(run, segment == SEG_SS, &seg);
    if (fault)
        return raise_error(run, fault, error);
    if (!(seg.attributes & SEG_ACCESSED)) {
        uint8_t *type = system_byte(run, linear + 5, WALK_WRITE);
        if (!type)
            return false;
        __atomic_fetch_or(type, SEG_ACCESSED, __ATOMIC_SEQ_CST);
        seg.attributes |= SEG_ACCESSED;
    }
    set_segment(run, segment, &seg);
    return true;
}

bool load_segment(struct emu_run *run, unsigned segment, uint16_t selector)
{
    if (segment == SEG_SS)
        run->blocking |= BLOCKING_MOV_SS;
    if (cpu_real_segments(run->cpu)) {
        struct vcpu_segment seg = run->cpu->seg[segment];
        seg.selector = selector;
        seg.base = (uint64_t)selector << 4;
        set_segment(run, segment, &seg);
        return true;
    }
    return selector & ~SELECTOR_RPL ? load_descriptor(run, segment, selector)
                                    : load_null(run, segment, selector);
}
