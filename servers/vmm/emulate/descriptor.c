// Segment registers: loaded with a selector, by way of the descriptor tables or without.
// SPDX-License-Identifier: MIT
//
// [SDM] 2 MOV, LLDT, LTR, JMP; [APM] 2 4.7 to 4.10. Gates and task switches are not executed.
#include <string.h>

#include "servers/vmm/emulate/run.h"

enum { SELECTOR_TI = 4, SELECTOR_RPL = 3 };
enum { TYPE_LDT = 2, TYPE_TSS_16 = 1, TYPE_TSS = 9, TYPE_BUSY = 2 };

// A descriptor, where it lies and what its selector is. `high` is the second half that LDT and TSS have in
// long mode.
struct descriptor {
    struct vcpu_segment segment;
    uint64_t linear;
    uint64_t high;
    uint32_t error; // code of a fault about it
};

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

// Reads the descriptor that a selector names; `size` is 8, or 16 for system segments in long mode.
static bool read_descriptor(struct emu_run *run, uint16_t selector, unsigned size, struct descriptor *out)
{
    const struct vcpu_state *cpu = run->cpu;
    const struct vcpu_segment *ldtr = &cpu->seg[SEG_LDTR];
    bool local = selector & SELECTOR_TI;
    uint32_t offset = selector & ~UINT32_C(7);
    want_system(run);
    uint64_t low, limit = local ? ldtr->limit : cpu->gdtr.limit;
    out->linear = (local ? ldtr->base : cpu->gdtr.base) + offset;
    out->error = selector & ~(uint32_t)SELECTOR_RPL;
    out->high = 0;
    if (offset + size - 1 > limit || (local && !(ldtr->attributes & SEG_PRESENT)))
        return raise_error(run, VECTOR_GP, out->error);
    if (!system_read(run, out->linear, 8, &low) ||
        (size > 8 && !system_read(run, out->linear + 8, 8, &out->high)))
        return false;
    out->segment = unpack(selector, low);
    return true;
}

// Sets the accessed or the busy bit, in the table and in what will be loaded.
static bool mark_descriptor(struct emu_run *run, struct descriptor *descriptor, uint8_t bit)
{
    if (descriptor->segment.attributes & bit)
        return true;
    uint8_t *type = system_byte(run, descriptor->linear + 5, WALK_WRITE);
    if (!type)
        return false;
    __atomic_fetch_or(type, bit, __ATOMIC_SEQ_CST);
    descriptor->segment.attributes |= bit;
    return true;
}

static bool load_descriptor(struct emu_run *run, unsigned segment, uint16_t selector)
{
    struct descriptor descriptor;
    if (!read_descriptor(run, selector, 8, &descriptor))
        return false;
    enum vector fault = check_segment(run, segment == SEG_SS, &descriptor.segment);
    if (fault)
        return raise_error(run, fault, descriptor.error);
    if (!mark_descriptor(run, &descriptor, SEG_ACCESSED))
        return false;
    set_segment(run, segment, &descriptor.segment);
    return true;
}

static void load_real(struct emu_run *run, unsigned segment, uint16_t selector)
{
    struct vcpu_segment seg = run->cpu->seg[segment];
    seg.selector = selector;
    seg.base = (uint64_t)selector << 4;
    set_segment(run, segment, &seg);
}

bool load_segment(struct emu_run *run, unsigned segment, uint16_t selector)
{
    if (segment == SEG_SS)
        run->blocking |= BLOCKING_MOV_SS;
    if (cpu_real_segments(run->cpu)) {
        load_real(run, segment, selector);
        return true;
    }
    return selector & ~SELECTOR_RPL ? load_descriptor(run, segment, selector)
                                    : load_null(run, segment, selector);
}

// Of LLDT and LTR: is this a descriptor of their kind?
static bool system_type_fits(const struct emu_run *run, unsigned segment, uint16_t attributes)
{
    unsigned type = attributes & (SEG_NOT_SYSTEM | 0xf);
    if (segment == SEG_LDTR)
        return type == TYPE_LDT;
    return type == TYPE_TSS || (type == TYPE_TSS_16 && !cpu_long_mode(run->cpu));
}

static bool load_system(struct emu_run *run, unsigned segment, uint16_t selector)
{
    struct descriptor descriptor;
    if (selector & SELECTOR_TI)
        return raise_error(run, VECTOR_GP, selector & ~(uint32_t)SELECTOR_RPL);
    if (!read_descriptor(run, selector, cpu_long_mode(run->cpu) ? 16 : 8, &descriptor))
        return false;
    descriptor.segment.base |= descriptor.high << 32;
    if (!system_type_fits(run, segment, descriptor.segment.attributes) || !canonical(descriptor.segment.base))
        return raise_error(run, VECTOR_GP, descriptor.error);
    if (!(descriptor.segment.attributes & SEG_PRESENT))
        return raise_error(run, VECTOR_NP, descriptor.error);
    if (segment == SEG_TR && !mark_descriptor(run, &descriptor, TYPE_BUSY))
        return false;
    set_segment(run, segment, &descriptor.segment);
    return true;
}

bool exec_load_system(struct emu_run *run, unsigned segment)
{
    uint64_t value;
    if (cpu_real_segments(run->cpu))
        return raise(run, VECTOR_UD);
    if (run->cpl > 0)
        return raise_error(run, VECTOR_GP, 0);
    if (!get(run, 0, &value))
        return false;
    want_system(run);
    uint16_t selector = (uint16_t)value;
    if (selector & ~SELECTOR_RPL)
        return load_system(run, segment, selector);
    if (segment == SEG_TR)
        return raise_error(run, VECTOR_GP, 0);
    set_segment(run, segment, &(struct vcpu_segment){.selector = selector});
    return true;
}

// May a far jump go to this code segment? Zero, or the vector to raise.
static enum vector check_code(const struct emu_run *run, const struct vcpu_segment *seg)
{
    unsigned rpl = seg->selector & SELECTOR_RPL, dpl = SEG_DPL(seg);
    bool conforming = seg->attributes & SEG_EXPAND_DOWN;
    if (conforming ? dpl > run->cpl : rpl > run->cpl || dpl != run->cpl)
        return VECTOR_GP;
    if (cpu_long_mode(run->cpu) && (seg->attributes & SEG_LONG) && (seg->attributes & SEG_BIG))
        return VECTOR_GP;
    return seg->attributes & SEG_PRESENT ? 0 : VECTOR_NP;
}

static bool offset_fits(const struct emu_run *run, const struct vcpu_segment *code, uint64_t offset)
{
    bool code64 = cpu_long_mode(run->cpu) && (code->attributes & SEG_LONG);
    return code64 ? canonical(offset) : offset <= code->limit;
}

static bool load_code(struct emu_run *run, uint16_t selector, uint64_t offset)
{
    struct descriptor descriptor;
    struct vcpu_segment *code = &descriptor.segment;
    if (!(selector & ~SELECTOR_RPL))
        return raise_error(run, VECTOR_GP, 0);
    if (!read_descriptor(run, selector, 8, &descriptor))
        return false;
    if (!(code->attributes & SEG_NOT_SYSTEM))
        return unsupported(run); // a gate
    enum vector fault = code->attributes & SEG_CODE ? check_code(run, code) : VECTOR_GP;
    if (fault)
        return raise_error(run, fault, descriptor.error);
    if (!offset_fits(run, code, offset))
        return raise_error(run, VECTOR_GP, 0);
    if (!mark_descriptor(run, &descriptor, SEG_ACCESSED))
        return false;
    code->selector = (uint16_t)(descriptor.error | run->cpl);
    set_segment(run, SEG_CS, code);
    return true;
}

// JMP through a far pointer in memory.
bool exec_far_jump(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    uint8_t pointer[10];
    uint16_t selector;
    if (run->insn->memory == REG_NONE || run->insn->op[0].size != size + sizeof(selector))
        return unsupported(run);
    if (!load(run, &run->place[0], pointer))
        return false;
    run->rip = 0;
    memcpy(&run->rip, pointer, size);
    memcpy(&selector, pointer + size, sizeof(selector));
    if (!cpu_real_segments(run->cpu))
        return load_code(run, selector, run->rip);
    load_real(run, SEG_CS, selector);
    return offset_fits(run, &run->segment, run->rip) || raise_error(run, VECTOR_GP, 0);
}
