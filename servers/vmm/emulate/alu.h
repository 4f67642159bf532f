// The arithmetic of the integer instructions and its flags.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum alu_op {
    ALU_ADD,
    ALU_ADC,
    ALU_SUB,
    ALU_SBB,
    ALU_CMP, // as SUB; the caller drops the result
    ALU_AND,
    ALU_TEST,
    ALU_OR,
    ALU_XOR,
    ALU_INC, // one operand
    ALU_DEC,
    ALU_NEG,
    ALU_NOT,
    ALU_SHL, // b: count
    ALU_SHR,
    ALU_SAR,
    ALU_ROL,
    ALU_ROR,
    ALU_RCL,
    ALU_RCR,
    ALU_BT, // b: bit number
    ALU_BTS,
    ALU_BTR,
    ALU_BTC,
    ALU_BSF, // of b; zero when there is nothing to find (ZF set)
    ALU_BSR,
    ALU_TZCNT,
    ALU_LZCNT,
    ALU_POPCNT,
    ALU_OPS
};

// a op b on operands of `size` bytes (1, 2, 4, 8; bits beyond are ignored). Returns the result and changes
// the status bits of *rflags; where the manual leaves a flag undefined, it is cleared or kept.
uint64_t alu(enum alu_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *rflags);

// SHLD and SHRD: a shifted by count, filled from b.
uint64_t alu_double_shift(bool left, uint64_t a, uint64_t b, unsigned count, unsigned size, uint64_t *rflags);

// low, high: the double-width product of low and b; CF and OF: it needs more than the low half.
void alu_multiply(bool is_signed, uint64_t *low, uint64_t *high, uint64_t b, unsigned size, uint64_t *rflags);

// high:low divided by b: quotient to low, remainder to high. False: #DE.
bool alu_divide(bool is_signed, uint64_t *low, uint64_t *high, uint64_t b, unsigned size);

// Condition code 0 to 15 in the encoding of Jcc.
bool alu_condition(unsigned code, uint64_t rflags);
