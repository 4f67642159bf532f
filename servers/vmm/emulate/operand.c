// Operands as the handlers see them: values of up to 8 bytes.
// SPDX-License-Identifier: MIT
#include "servers/vmm/emulate/run.h"

uint64_t gpr_get(const struct emu_run *run, const struct operand *op)
{
    if (op->kind == OPERAND_HIGH_BYTE)
        return run->gpr[op->reg] >> 8 & 0xff;
    return run->gpr[op->reg] & size_mask(op->size);
}

// A write of 32 bits clears the upper half, one of 8 or 16 bits keeps the rest: [SDM] 1 3.4.1.1.
void gpr_set_sized(struct emu_run *run, unsigned reg, unsigned size, uint64_t value)
{
    uint64_t mask = size == 4 ? ~UINT64_C(0) : size_mask(size);
    run->gpr[reg] = (run->gpr[reg] & ~mask) | (value & mask & size_mask(size));
    run->groups |= reg <= GPR_RBX ? GROUP_GPR_ABCD : GROUP_GPR_REST;
}

void gpr_set(struct emu_run *run, const struct operand *op, uint64_t value)
{
    if (op->kind == OPERAND_HIGH_BYTE)
        gpr_set_sized(run, op->reg, 2, (run->gpr[op->reg] & 0xff) | (value & 0xff) << 8);
    else
        gpr_set_sized(run, op->reg, op->size, value);
}

uint64_t effective_address(const struct emu_run *run, const struct operand *op)
{
    uint64_t address = (uint64_t)op->value;
    if (op->reg == REG_RIP)
        address += run->rip;
    else if (op->reg != REG_NONE)
        address += run->gpr[op->reg];
    if (op->index != REG_NONE)
        address += run->gpr[op->index] * op->scale;
    return address & size_mask(run->insn->address_size);
}

bool resolve_operand(struct emu_run *run)
{
    if (run->insn->memory == REG_NONE)
        return true;
    const struct operand *op = &run->insn->op[run->insn->memory];
    if (!op->size || op->size > EMU_VECTOR_BYTES)
        return unsupported(run);
    return resolve(run, op->segment, effective_address(run, op), op->size, op->access, &run->place[0]);
}

bool get(struct emu_run *run, unsigned i, uint64_t *value)
{
    const struct operand *op = &run->insn->op[i];
    switch (op->kind) {
    case OPERAND_GPR:
    case OPERAND_HIGH_BYTE: *value = gpr_get(run, op); return true;
    case OPERAND_IMMEDIATE: *value = (uint64_t)op->value; return true;
    case OPERAND_SEGMENT: *value = run->cpu->seg[op->reg].selector; return true;
    case OPERAND_MEMORY: return load_value(run, &run->place[0], value);
    default: return unsupported(run);
    }
}

bool put(struct emu_run *run, unsigned i, uint64_t value)
{
    const struct operand *op = &run->insn->op[i];
    switch (op->kind) {
    case OPERAND_GPR:
    case OPERAND_HIGH_BYTE: gpr_set(run, op, value); return true;
    case OPERAND_MEMORY: return store_value(run, &run->place[0], value);
    default: return unsupported(run);
    }
}
