// The arithmetic of the integer instructions and its flags.
// SPDX-License-Identifier: MIT
//
// [SDM] 1 3.4.3.1 and the pages of the instructions in volume 2. A host test runs every operation against the
// processor's own on random operands.
#include "servers/vmm/emulate/alu.h"

#include "servers/vmm/emulate/x86.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

// One operation under way. `sign`: the mask of the sign bit.
struct alu {
    uint64_t a, b;
    unsigned bits;
    uint64_t mask, sign;
    uint64_t carry; // CF before, 0 or 1
    uint64_t flags; // after
    uint64_t keep;  // flags that stay as they were
};

static uint64_t flag(bool set, uint64_t bit)
{
    return set ? bit : 0;
}

static uint64_t result_flags(const struct alu *x, uint64_t result)
{
    return flag(!(result & x->mask), RFLAGS_ZF) | flag(result & x->sign, RFLAGS_SF) |
           flag(!__builtin_parityll(result & 0xff), RFLAGS_PF);
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static uint64_t add(struct alu *x, uint64_t carry)
{
    uint64_t sum = x->a + x->b + carry;
    uint64_t carries = (x->a & x->b) | ((x->a | x->b) & ~sum);
    x->flags = result_flags(x, sum) | flag(carries & x->sign, RFLAGS_CF) | flag(carries & 8, RFLAGS_AF) |
               flag((x->a ^ sum) & (x->b ^ sum) & x->sign, RFLAGS_OF);
    return sum;
}

static uint64_t subtract(struct alu *x, uint64_t borrow)
{
    uint64_t difference = x->a - x->b - borrow;
    uint64_t borrows = (~x->a & x->b) | ((~x->a | x->b) & difference);
    x->flags = result_flags(x, difference) | flag(borrows & x->sign, RFLAGS_CF) |
               flag(borrows & 8, RFLAGS_AF) | flag((x->a ^ x->b) & (x->a ^ difference) & x->sign, RFLAGS_OF);
    return difference;
}

static uint64_t op_add(struct alu *x)
{
    return add(x, 0);
}

static uint64_t op_adc(struct alu *x)
{
    return add(x, x->carry);
}

static uint64_t op_sub(struct alu *x)
{
    return subtract(x, 0);
}

static uint64_t op_sbb(struct alu *x)
{
    return subtract(x, x->carry);
}

static uint64_t logic(struct alu *x, uint64_t result)
{
    x->flags = result_flags(x, result);
    return result;
}

static uint64_t op_and(struct alu *x)
{
    return logic(x, x->a & x->b);
}

static uint64_t op_or(struct alu *x)
{
    return logic(x, x->a | x->b);
}

static uint64_t op_xor(struct alu *x)
{
    return logic(x, x->a ^ x->b);
}

static uint64_t op_inc(struct alu *x)
{
    x->b = 1;
    x->keep = RFLAGS_CF;
    return add(x, 0);
}

static uint64_t op_dec(struct alu *x)
{
    x->b = 1;
    x->keep = RFLAGS_CF;
    return subtract(x, 0);
}

static uint64_t op_neg(struct alu *x)
{
    x->b = x->a;
    x->a = 0;
    return subtract(x, 0);
}

static uint64_t op_not(struct alu *x)
{
    x->keep = RFLAGS_STATUS;
    return ~x->a;
}

static unsigned shift_count(struct alu *x)
{
    unsigned count = (unsigned)x->b & (x->bits == 64 ? 63 : 31);
    if (!count)
        x->keep = RFLAGS_STATUS;
    return count;
}

// OF is defined for a count of one only; processors compute it from the last step for every count.
static uint64_t op_shl(struct alu *x)
{
    unsigned count = shift_count(x);
    if (!count)
        return x->a;
    u128 wide = (u128)x->a << count;
    uint64_t result = (uint64_t)wide;
    bool carry = wide >> x->bits & 1;
    x->flags =
        result_flags(x, result) | flag(carry, RFLAGS_CF) | flag(!!(result & x->sign) != carry, RFLAGS_OF);
    return result;
}

static uint64_t shift_right(struct alu *x, uint64_t value, uint64_t fill)
{
    unsigned count = shift_count(x);
    if (!count)
        return x->a;
    u128 wide = ((u128)fill << 64 | value) >> (count - 1);
    uint64_t result = (uint64_t)(wide >> 1);
    bool overflow = (result ^ result << 1) & x->sign;
    x->flags = result_flags(x, result) | flag(wide & 1, RFLAGS_CF) | flag(overflow, RFLAGS_OF);
    return result;
}

static uint64_t op_shr(struct alu *x)
{
    return shift_right(x, x->a, 0);
}

static uint64_t op_sar(struct alu *x)
{
    uint64_t value = sign_extend(x->a, x->bits);
    return shift_right(x, value, value >> 63 ? ~UINT64_C(0) : 0);
}

// Rotates change CF and OF only.
static uint64_t rotated(struct alu *x, uint64_t result, bool carry, bool overflow)
{
    x->keep |= RFLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_OF);
    x->flags = flag(carry, RFLAGS_CF) | flag(overflow, RFLAGS_OF);
    return result;
}

static uint64_t op_rol(struct alu *x)
{
    unsigned count = shift_count(x) % x->bits;
    uint64_t result = count ? x->a << count | x->a >> (x->bits - count) : x->a;
    bool carry = result & 1;
    return rotated(x, result, carry, !!(result & x->sign) != carry);
}

static uint64_t op_ror(struct alu *x)
{
    unsigned count = shift_count(x) % x->bits;
    uint64_t result = count ? x->a >> count | x->a << (x->bits - count) : x->a;
    return rotated(x, result, result & x->sign, (result ^ result << 1) & x->sign);
}

// Through carry: a rotation of bits + 1 bits.
static uint64_t rotate_carry(struct alu *x, bool left)
{
    unsigned width = x->bits + 1, count = shift_count(x) % width;
    if (!count) {
        x->keep = RFLAGS_STATUS;
        return x->a;
    }
    u128 value = (u128)x->carry << x->bits | x->a;
    unsigned up = left ? count : width - count;
    u128 wide = value << up | value >> (width - up);
    uint64_t result = (uint64_t)wide & x->mask;
    bool carry = wide >> x->bits & 1;
    bool overflow = left ? !!(result & x->sign) != carry : !!((result ^ result << 1) & x->sign);
    return rotated(x, result, carry, overflow);
}

static uint64_t op_rcl(struct alu *x)
{
    return rotate_carry(x, true);
}

static uint64_t op_rcr(struct alu *x)
{
    return rotate_carry(x, false);
}

static uint64_t bit_test(struct alu *x)
{
    uint64_t bit = UINT64_C(1) << (x->b & (x->bits - 1));
    x->keep = RFLAGS_STATUS & ~RFLAGS_CF;
    x->flags = flag(x->a & bit, RFLAGS_CF);
    return bit;
}

static uint64_t op_bt(struct alu *x)
{
    bit_test(x);
    return x->a;
}

static uint64_t op_bts(struct alu *x)
{
    return x->a | bit_test(x);
}

static uint64_t op_btr(struct alu *x)
{
    return x->a & ~bit_test(x);
}

static uint64_t op_btc(struct alu *x)
{
    return x->a ^ bit_test(x);
}

// Only ZF is defined.
static uint64_t bit_scan(struct alu *x, unsigned found)
{
    x->keep = RFLAGS_STATUS & ~RFLAGS_ZF;
    x->flags = flag(!x->b, RFLAGS_ZF);
    return found;
}

static uint64_t op_bsf(struct alu *x)
{
    return bit_scan(x, x->b ? (unsigned)__builtin_ctzll(x->b) : 0);
}

static uint64_t op_bsr(struct alu *x)
{
    return bit_scan(x, x->b ? 63 - (unsigned)__builtin_clzll(x->b) : 0);
}

static uint64_t counted(struct alu *x, unsigned count)
{
    x->flags = flag(!x->b, RFLAGS_CF) | flag(!count, RFLAGS_ZF);
    return count;
}

static uint64_t op_tzcnt(struct alu *x)
{
    return counted(x, x->b ? (unsigned)__builtin_ctzll(x->b) : x->bits);
}

static uint64_t op_lzcnt(struct alu *x)
{
    return counted(x, x->b ? x->bits - 64 + (unsigned)__builtin_clzll(x->b) : x->bits);
}

static uint64_t op_popcnt(struct alu *x)
{
    x->flags = flag(!x->b, RFLAGS_ZF);
    return (uint64_t)__builtin_popcountll(x->b);
}

static uint64_t (*const operations[ALU_OPS])(struct alu *x) = {
    [ALU_ADD] = op_add,       [ALU_ADC] = op_adc, [ALU_SUB] = op_sub,     [ALU_SBB] = op_sbb,
    [ALU_CMP] = op_sub,       [ALU_AND] = op_and, [ALU_TEST] = op_and,    [ALU_OR] = op_or,
    [ALU_XOR] = op_xor,       [ALU_INC] = op_inc, [ALU_DEC] = op_dec,     [ALU_NEG] = op_neg,
    [ALU_NOT] = op_not,       [ALU_SHL] = op_shl, [ALU_SHR] = op_shr,     [ALU_SAR] = op_sar,
    [ALU_ROL] = op_rol,       [ALU_ROR] = op_ror, [ALU_RCL] = op_rcl,     [ALU_RCR] = op_rcr,
    [ALU_BT] = op_bt,         [ALU_BTS] = op_bts, [ALU_BTR] = op_btr,     [ALU_BTC] = op_btc,
    [ALU_BSF] = op_bsf,       [ALU_BSR] = op_bsr, [ALU_TZCNT] = op_tzcnt, [ALU_LZCNT] = op_lzcnt,
    [ALU_POPCNT] = op_popcnt,
};

static struct alu alu_operands(uint64_t a, uint64_t b, unsigned size, uint64_t rflags)
{
    uint64_t mask = size_mask(size);
    return (struct alu){.a = a & mask,
                        .b = b & mask,
                        .bits = size * 8,
                        .mask = mask,
                        .sign = UINT64_C(1) << (size * 8 - 1),
                        .carry = rflags & RFLAGS_CF};
}

static void alu_set_flags(const struct alu *x, uint64_t *rflags)
{
    uint64_t changed = RFLAGS_STATUS & ~x->keep;
    *rflags = (*rflags & ~changed) | (x->flags & changed);
}

uint64_t alu(enum alu_op op, uint64_t a, uint64_t b, unsigned size, uint64_t *rflags)
{
    struct alu x = alu_operands(a, b, size, *rflags);
    uint64_t result = operations[op](&x) & x.mask;
    alu_set_flags(&x, rflags);
    return result;
}

// A count beyond 16 of 16-bit operands leaves the result undefined.
uint64_t alu_double_shift(bool left, uint64_t a, uint64_t b, unsigned count, unsigned size, uint64_t *rflags)
{
    struct alu x = alu_operands(a, b, size, *rflags);
    count &= x.bits == 64 ? 63 : 31;
    if (!count)
        return x.a;
    u128 wide = left ? (u128)x.a << x.bits | x.b : (u128)x.b << x.bits | x.a;
    bool carry = left ? wide >> (2 * x.bits - count) & 1 : wide >> (count - 1) & 1;
    uint64_t result = (uint64_t)(left ? wide << count >> x.bits : wide >> count) & x.mask;
    x.flags = result_flags(&x, result) | flag(carry, RFLAGS_CF) | flag((x.a ^ result) & x.sign, RFLAGS_OF);
    alu_set_flags(&x, rflags);
    return result;
}

void alu_multiply(bool is_signed, uint64_t *low, uint64_t *high, uint64_t b, unsigned size, uint64_t *rflags)
{
    struct alu x = alu_operands(*low, b, size, *rflags);
    u128 product = is_signed
                       ? (u128)((s128)(int64_t)sign_extend(x.a, x.bits) * (int64_t)sign_extend(x.b, x.bits))
                       : (u128)x.a * x.b;
    *low = (uint64_t)product & x.mask;
    *high = (uint64_t)(product >> x.bits) & x.mask;
    uint64_t fitting = is_signed && (*low & x.sign) ? x.mask : 0;
    x.keep = RFLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_OF);
    x.flags = flag(*high != fitting, RFLAGS_CF | RFLAGS_OF);
    alu_set_flags(&x, rflags);
}

static bool divide_signed(s128 dividend, int64_t divisor, unsigned bits, uint64_t *low, uint64_t *high)
{
    s128 least = -((s128)1 << (bits - 1));
    if (divisor == 0 || (divisor == -1 && dividend < -((s128)1 << 126)))
        return false;
    s128 quotient = dividend / divisor;
    if (quotient < least || quotient >= -least)
        return false;
    *low = (uint64_t)quotient;
    *high = (uint64_t)(dividend % divisor);
    return true;
}

static bool divide_unsigned(u128 dividend, uint64_t divisor, unsigned bits, uint64_t *low, uint64_t *high)
{
    if (divisor == 0 || dividend / divisor >> bits)
        return false;
    *low = (uint64_t)(dividend / divisor);
    *high = (uint64_t)(dividend % divisor);
    return true;
}

bool alu_divide(bool is_signed, uint64_t *low, uint64_t *high, uint64_t b, unsigned size)
{
    struct alu x = alu_operands(*low, b, size, 0);
    u128 dividend = (u128)(*high & x.mask) << x.bits | x.a;
    unsigned unused = 128 - 2 * x.bits;
    bool fits = is_signed ? divide_signed((s128)(dividend << unused) >> unused,
                                          (int64_t)sign_extend(x.b, x.bits), x.bits, low, high)
                          : divide_unsigned(dividend, x.b, x.bits, low, high);
    *low &= x.mask;
    *high &= x.mask;
    return fits;
}

bool alu_condition(unsigned code, uint64_t rflags)
{
    bool sign_differs = !(rflags & RFLAGS_SF) != !(rflags & RFLAGS_OF);
    bool holds;
    switch (code >> 1) {
    case 0: holds = rflags & RFLAGS_OF; break;
    case 1: holds = rflags & RFLAGS_CF; break;
    case 2: holds = rflags & RFLAGS_ZF; break;
    case 3: holds = rflags & (RFLAGS_CF | RFLAGS_ZF); break;
    case 4: holds = rflags & RFLAGS_SF; break;
    case 5: holds = rflags & RFLAGS_PF; break;
    case 6: holds = sign_differs; break;
    default: holds = sign_differs || (rflags & RFLAGS_ZF);
    }
    return holds != (code & 1);
}
