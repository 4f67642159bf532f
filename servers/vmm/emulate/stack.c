// Instructions that use the stack, and near branches.
// SPDX-License-Identifier: MIT
#include "servers/vmm/emulate/run.h"

// Bytes of the stack pointer.
static unsigned stack_width(const struct emu_run *run)
{
    if (run->mode == CODE_64)
        return 8;
    return run->cpu->seg[SEG_SS].attributes & SEG_BIG ? 4 : 2;
}

static void set_stack(struct emu_run *run, uint64_t pointer)
{
    gpr_set_sized(run, GPR_RSP, stack_width(run), pointer);
}

static bool resolve_stack(struct emu_run *run, uint64_t pointer, unsigned size, unsigned access,
                          struct place *place)
{
    return resolve(run, SEG_SS, pointer & size_mask(stack_width(run)), size, access, place);
}

static bool branch(struct emu_run *run, uint64_t target)
{
    target &= size_mask(run->insn->operand_size);
    bool inside = run->mode == CODE_64 ? canonical(target) : target <= run->cpu->seg[SEG_CS].limit;
    run->rip = target;
    return inside || raise_error(run, VECTOR_GP, 0);
}

bool exec_push(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    uint64_t value, pointer = run->gpr[GPR_RSP] - size;
    struct place slot;
    if (!resolve_stack(run, pointer, size, OPERAND_WRITE, &slot) || !get(run, 0, &value))
        return false;
    set_stack(run, pointer);
    return store_value(run, &slot, value);
}

// An address that uses RSP means its value after the pop: [SDM] 2 POP.
bool exec_pop(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    const struct operand *to = &run->insn->op[0];
    uint64_t value, pointer = run->gpr[GPR_RSP];
    struct place slot;
    if (!resolve_stack(run, pointer, size, OPERAND_READ, &slot))
        return false;
    set_stack(run, pointer + size);
    if (!resolve_operand(run) || !load_value(run, &slot, &value))
        return false;
    return to->kind == OPERAND_SEGMENT ? load_segment(run, to->reg, (uint16_t)value) : put(run, 0, value);
}

bool exec_jump(struct emu_run *run, unsigned is_call)
{
    unsigned size = run->insn->operand_size;
    uint64_t target, next = run->rip, pointer = run->gpr[GPR_RSP] - size;
    struct place slot;
    if (is_call && !resolve_stack(run, pointer, size, OPERAND_WRITE, &slot))
        return false;
    if (!get(run, 0, &target))
        return false;
    if (run->insn->flags & INSN_RELATIVE)
        target += next;
    if (!branch(run, target))
        return false;
    if (!is_call)
        return true;
    set_stack(run, pointer);
    return store_value(run, &slot, next);
}

bool exec_return(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    uint64_t target, drop = 0, pointer = run->gpr[GPR_RSP];
    struct place slot;
    if (run->insn->operands && !get(run, 0, &drop))
        return false;
    if (!resolve_stack(run, pointer, size, OPERAND_READ, &slot) || !load_value(run, &slot, &target))
        return false;
    set_stack(run, pointer + size + drop);
    return branch(run, target);
}

// Nested frames, which no compiler makes, are not executed.
bool exec_enter(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    uint64_t pointer = run->gpr[GPR_RSP] - size, old = run->gpr[GPR_RBP];
    struct place slot;
    if (run->insn->op[1].value & 31)
        return unsupported(run);
    if (!resolve_stack(run, pointer, size, OPERAND_WRITE, &slot))
        return false;
    gpr_set_sized(run, GPR_RBP, size, pointer);
    set_stack(run, pointer - (uint64_t)run->insn->op[0].value);
    return store_value(run, &slot, old);
}

bool exec_leave(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = run->insn->operand_size;
    uint64_t value, pointer = run->gpr[GPR_RBP];
    struct place slot;
    if (!resolve_stack(run, pointer, size, OPERAND_READ, &slot) || !load_value(run, &slot, &value))
        return false;
    set_stack(run, pointer + size);
    gpr_set_sized(run, GPR_RBP, size, value);
    return true;
}
