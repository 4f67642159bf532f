// Moves and integer arithmetic.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "servers/vmm/emulate/alu.h"
#include "servers/vmm/emulate/run.h"

static unsigned operand_size(const struct emu_run *run, unsigned i)
{
    return run->insn->op[i].size;
}

bool exec_move(struct emu_run *run, unsigned unused)
{
    (void)unused;
    uint64_t value;
    if (!get(run, 1, &value))
        return false;
    const struct operand *to = &run->insn->op[0];
    return to->kind == OPERAND_SEGMENT ? load_segment(run, to->reg, (uint16_t)value) : put(run, 0, value);
}

bool exec_move_signed(struct emu_run *run, unsigned unused)
{
    (void)unused;
    uint64_t value;
    if (!get(run, 1, &value))
        return false;
    unsigned above = 64 - 8 * operand_size(run, 1);
    return put(run, 0, (uint64_t)((int64_t)(value << above) >> above));
}

bool exec_move_swapped(struct emu_run *run, unsigned unused)
{
    (void)unused;
    uint64_t value;
    return get(run, 1, &value) && put(run, 0, __builtin_bswap64(value) >> (64 - 8 * operand_size(run, 1)));
}

bool exec_alu(struct emu_run *run, unsigned op)
{
    uint64_t a, b;
    if (!get(run, 0, &a) || !get(run, 1, &b))
        return false;
    uint64_t result = alu(op, a, b, operand_size(run, 0), &run->rflags);
    return op == ALU_CMP || op == ALU_TEST || put(run, 0, result);
}

bool exec_alu_unary(struct emu_run *run, unsigned op)
{
    uint64_t a;
    return get(run, 0, &a) && put(run, 0, alu(op, a, 0, operand_size(run, 0), &run->rflags));
}

bool exec_alu_scan(struct emu_run *run, unsigned op)
{
    uint64_t b;
    if (!get(run, 1, &b))
        return false;
    uint64_t found = alu(op, 0, b, operand_size(run, 1), &run->rflags);
    bool keeps = (op == ALU_BSF || op == ALU_BSR) && (run->rflags & RFLAGS_ZF); // also bits 32 to 63
    return keeps || put(run, 0, found);
}

// A bit number in a register reaches beyond the operand: [SDM] 2 BT.
static bool resolve_bit_string(struct emu_run *run)
{
    const struct operand *to = &run->insn->op[0], *number = &run->insn->op[1];
    unsigned bits = 8u * to->size, above = 64 - bits;
    uint64_t address = effective_address(run, to);
    if (number->kind == OPERAND_GPR) {
        int64_t index = (int64_t)(gpr_get(run, number) << above) >> above;
        address += (uint64_t)((index >> (bits == 64 ? 6 : bits == 32 ? 5 : 4)) * to->size);
    }
    address &= size_mask(run->insn->address_size);
    return resolve(run, to->segment, address, to->size, to->access, &run->place[0]);
}

bool exec_bit(struct emu_run *run, unsigned op)
{
    uint64_t a, b;
    if (run->insn->op[0].kind == OPERAND_MEMORY && !resolve_bit_string(run))
        return false;
    if (!get(run, 0, &a) || !get(run, 1, &b))
        return false;
    uint64_t result = alu(op, a, b, operand_size(run, 0), &run->rflags);
    return op == ALU_BT || put(run, 0, result);
}

bool exec_double_shift(struct emu_run *run, unsigned left)
{
    uint64_t a, b, count;
    if (!get(run, 0, &a) || !get(run, 1, &b) || !get(run, 2, &count))
        return false;
    return put(run, 0, alu_double_shift(left, a, b, (unsigned)count, operand_size(run, 0), &run->rflags));
}

// The register pair that holds a double-width value: ah:al, dx:ax, edx:eax, rdx:rax.
static void pair_get(const struct emu_run *run, unsigned size, uint64_t *low, uint64_t *high)
{
    uint64_t mask = size_mask(size);
    *low = run->gpr[GPR_RAX] & mask;
    *high = size == 1 ? run->gpr[GPR_RAX] >> 8 & mask : run->gpr[GPR_RDX] & mask;
}

static void pair_set(struct emu_run *run, unsigned size, uint64_t low, uint64_t high)
{
    if (size == 1) {
        gpr_set_sized(run, GPR_RAX, 2, low | high << 8);
        return;
    }
    gpr_set_sized(run, GPR_RAX, size, low);
    gpr_set_sized(run, GPR_RDX, size, high);
}

bool exec_multiply(struct emu_run *run, unsigned is_signed)
{
    unsigned size = operand_size(run, 0), factors = run->insn->operands;
    uint64_t low, high, b;
    if (factors == 1) {
        if (!get(run, 0, &b))
            return false;
        pair_get(run, size, &low, &high);
        alu_multiply(is_signed, &low, &high, b, size, &run->rflags);
        pair_set(run, size, low, high);
        return true;
    }
    if (!get(run, factors - 2, &low) || !get(run, factors - 1, &b))
        return false;
    alu_multiply(is_signed, &low, &high, b, size, &run->rflags);
    return put(run, 0, low);
}

bool exec_divide(struct emu_run *run, unsigned is_signed)
{
    unsigned size = operand_size(run, 0);
    uint64_t low, high, b;
    if (!get(run, 0, &b))
        return false;
    pair_get(run, size, &low, &high);
    if (!alu_divide(is_signed, &low, &high, b, size))
        return raise(run, VECTOR_DE);
    pair_set(run, size, low, high);
    return true;
}

// XCHG and XADD: the old first operand goes to the second.
bool exec_exchange(struct emu_run *run, unsigned add)
{
    uint64_t a, b;
    if (!get(run, 0, &a) || !get(run, 1, &b))
        return false;
    if (add)
        b = alu(ALU_ADD, a, b, operand_size(run, 0), &run->rflags);
    return put(run, 1, a) && put(run, 0, b);
}

// The destination is written whatever the comparison says: [SDM] 2 CMPXCHG.
bool exec_compare_exchange(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned size = operand_size(run, 0);
    uint64_t a, b;
    if (!get(run, 0, &a) || !get(run, 1, &b))
        return false;
    alu(ALU_CMP, run->gpr[GPR_RAX], a, size, &run->rflags);
    bool equal = run->rflags & RFLAGS_ZF;
    if (!equal)
        gpr_set_sized(run, GPR_RAX, size, a);
    return put(run, 0, equal ? b : a);
}

bool exec_compare_exchange_pair(struct emu_run *run, unsigned unused)
{
    (void)unused;
    unsigned half = operand_size(run, 0) / 2;
    struct place *place = &run->place[0];
    uint8_t data[16];
    uint64_t low = 0, high = 0, new_low = run->gpr[GPR_RBX], new_high = run->gpr[GPR_RCX];
    if (half == 8 && (place->piece[0].gpa & 15))
        return raise_error(run, VECTOR_GP, 0);
    if (!load(run, place, data))
        return false;
    memcpy(&low, data, half);
    memcpy(&high, data + half, half);
    memcpy(&place->loaded, data, sizeof(place->loaded));
    uint64_t mask = size_mask(half);
    bool equal = low == (run->gpr[GPR_RAX] & mask) && high == (run->gpr[GPR_RDX] & mask);
    run->rflags = (run->rflags & ~RFLAGS_ZF) | (equal ? RFLAGS_ZF : 0);
    if (equal) {
        memcpy(data, &new_low, half);
        memcpy(data + half, &new_high, half);
    } else {
        pair_set(run, half, low, high);
    }
    return store(run, place, data);
}

bool exec_move_if(struct emu_run *run, unsigned condition)
{
    uint64_t old, value;
    if (!get(run, 0, &old) || !get(run, 1, &value))
        return false;
    return put(run, 0, alu_condition(condition, run->rflags) ? value : old);
}

bool exec_set_if(struct emu_run *run, unsigned condition)
{
    return put(run, 0, alu_condition(condition, run->rflags));
}

bool exec_store_system(struct emu_run *run, unsigned what)
{
    const struct vcpu_state *cpu = run->cpu;
    if ((cpu->cr4 & CR4_UMIP) && run->cpl > 0)
        return raise_error(run, VECTOR_GP, 0);
    if (what == SYSTEM_CR0)
        return put(run, 0, cpu->cr0);
    if (cpu_real_segments(cpu))
        return raise(run, VECTOR_UD);
    want_system(run);
    return put(run, 0, cpu->seg[what == SYSTEM_TR ? SEG_TR : SEG_LDTR].selector);
}

// Faults as a load of one byte; nothing of MMIO is cached.
bool exec_flush(struct emu_run *run, unsigned unused)
{
    (void)unused;
    const struct operand *op = &run->insn->op[0];
    return resolve(run, op->segment, effective_address(run, op), 1, OPERAND_READ, &run->place[0]);
}
