// The instructions that the emulator executes: one row each.
// SPDX-License-Identifier: MIT
//
// Searched only when an instruction is not in the cache of decoded ones, where Zydis costs far more.
#include "servers/vmm/emulate/action.h"

#include <Zydis/Zydis.h>
#include <stddef.h>

#include "servers/vmm/emulate/alu.h"
#include "servers/vmm/emulate/run.h"

#define ROW(name, handler, argument)                                                                         \
    {                                                                                                        \
        ZYDIS_MNEMONIC_##name, argument, 0, handler                                                          \
    }
#define LATE(name, handler, argument)                                                                        \
    {                                                                                                        \
        ZYDIS_MNEMONIC_##name, argument, ACTION_LATE, handler                                                \
    }
#define FAR(name, handler, argument)                                                                         \
    {                                                                                                        \
        ZYDIS_MNEMONIC_##name, argument, ACTION_FAR, handler                                                 \
    }
#define STRING(name, kind)                                                                                   \
    {                                                                                                        \
        ZYDIS_MNEMONIC_##name, STRING_##kind, ACTION_LATE | ACTION_STRING, exec_string                       \
    }
#define CONDITION(code, name) ROW(CMOV##name, exec_move_if, code), ROW(SET##name, exec_set_if, code)
#define VECTOR(name, form)    ROW(name, exec_vector_move, form), ROW(V##name, exec_vector_move, form)

static const struct action actions[] = {
    ROW(MOV, exec_move, 0),
    ROW(MOVZX, exec_move, 0),
    ROW(MOVNTI, exec_move, 0),
    ROW(MOVSX, exec_move_signed, 0),
    ROW(MOVSXD, exec_move_signed, 0),
    ROW(MOVBE, exec_move_swapped, 0),

    ROW(ADD, exec_alu, ALU_ADD),
    ROW(ADC, exec_alu, ALU_ADC),
    ROW(SUB, exec_alu, ALU_SUB),
    ROW(SBB, exec_alu, ALU_SBB),
    ROW(CMP, exec_alu, ALU_CMP),
    ROW(AND, exec_alu, ALU_AND),
    ROW(TEST, exec_alu, ALU_TEST),
    ROW(OR, exec_alu, ALU_OR),
    ROW(XOR, exec_alu, ALU_XOR),
    ROW(SHL, exec_alu, ALU_SHL),
    ROW(SHR, exec_alu, ALU_SHR),
    ROW(SAR, exec_alu, ALU_SAR),
    ROW(ROL, exec_alu, ALU_ROL),
    ROW(ROR, exec_alu, ALU_ROR),
    ROW(RCL, exec_alu, ALU_RCL),
    ROW(RCR, exec_alu, ALU_RCR),
    ROW(INC, exec_alu_unary, ALU_INC),
    ROW(DEC, exec_alu_unary, ALU_DEC),
    ROW(NEG, exec_alu_unary, ALU_NEG),
    ROW(NOT, exec_alu_unary, ALU_NOT),
    ROW(BSF, exec_alu_scan, ALU_BSF),
    ROW(BSR, exec_alu_scan, ALU_BSR),
    ROW(TZCNT, exec_alu_scan, ALU_TZCNT),
    ROW(LZCNT, exec_alu_scan, ALU_LZCNT),
    ROW(POPCNT, exec_alu_scan, ALU_POPCNT),
    LATE(BT, exec_bit, ALU_BT),
    LATE(BTS, exec_bit, ALU_BTS),
    LATE(BTR, exec_bit, ALU_BTR),
    LATE(BTC, exec_bit, ALU_BTC),
    ROW(SHLD, exec_double_shift, true),
    ROW(SHRD, exec_double_shift, false),
    ROW(MUL, exec_multiply, false),
    ROW(IMUL, exec_multiply, true),
    ROW(DIV, exec_divide, false),
    ROW(IDIV, exec_divide, true),

    ROW(XCHG, exec_exchange, false),
    ROW(XADD, exec_exchange, true),
    ROW(CMPXCHG, exec_compare_exchange, 0),
    ROW(CMPXCHG8B, exec_compare_exchange_pair, 0),
    ROW(CMPXCHG16B, exec_compare_exchange_pair, 0),

    CONDITION(0, O),
    CONDITION(1, NO),
    CONDITION(2, B),
    CONDITION(3, NB),
    CONDITION(4, Z),
    CONDITION(5, NZ),
    CONDITION(6, BE),
    CONDITION(7, NBE),
    CONDITION(8, S),
    CONDITION(9, NS),
    CONDITION(10, P),
    CONDITION(11, NP),
    CONDITION(12, L),
    CONDITION(13, NL),
    CONDITION(14, LE),
    CONDITION(15, NLE),

    STRING(MOVSB, MOVS),
    STRING(MOVSW, MOVS),
    STRING(MOVSD, MOVS),
    STRING(MOVSQ, MOVS),
    STRING(CMPSB, CMPS),
    STRING(CMPSW, CMPS),
    STRING(CMPSD, CMPS),
    STRING(CMPSQ, CMPS),
    STRING(STOSB, STOS),
    STRING(STOSW, STOS),
    STRING(STOSD, STOS),
    STRING(STOSQ, STOS),
    STRING(LODSB, LODS),
    STRING(LODSW, LODS),
    STRING(LODSD, LODS),
    STRING(LODSQ, LODS),
    STRING(SCASB, SCAS),
    STRING(SCASW, SCAS),
    STRING(SCASD, SCAS),
    STRING(SCASQ, SCAS),
    STRING(INSB, INS),
    STRING(INSW, INS),
    STRING(INSD, INS),
    STRING(OUTSB, OUTS),
    STRING(OUTSW, OUTS),
    STRING(OUTSD, OUTS),
    ROW(IN, exec_in, 0),
    ROW(OUT, exec_out, 0),

    ROW(PUSH, exec_push, 0),
    LATE(POP, exec_pop, 0),
    ROW(JMP, exec_jump, false),
    FAR(JMP, exec_far_jump, 0),
    ROW(CALL, exec_jump, true),
    ROW(RET, exec_return, 0),
    ROW(ENTER, exec_enter, 0),
    ROW(LEAVE, exec_leave, 0),

    ROW(SMSW, exec_store_system, SYSTEM_CR0),
    ROW(SLDT, exec_store_system, SYSTEM_LDTR),
    ROW(STR, exec_store_system, SYSTEM_TR),
    ROW(LLDT, exec_load_system, SEG_LDTR),
    ROW(LTR, exec_load_system, SEG_TR),
    LATE(CLFLUSH, exec_flush, 0),
    LATE(CLFLUSHOPT, exec_flush, 0),
    LATE(CLWB, exec_flush, 0),

    VECTOR(MOVUPS, 0),
    VECTOR(MOVUPD, 0),
    VECTOR(MOVDQU, 0),
    VECTOR(LDDQU, 0),
    VECTOR(MOVAPS, VECTOR_ALIGNED),
    VECTOR(MOVAPD, VECTOR_ALIGNED),
    VECTOR(MOVDQA, VECTOR_ALIGNED),
    VECTOR(MOVNTPS, VECTOR_ALIGNED),
    VECTOR(MOVNTPD, VECTOR_ALIGNED),
    VECTOR(MOVNTDQ, VECTOR_ALIGNED),
    VECTOR(MOVNTDQA, VECTOR_ALIGNED),
    VECTOR(MOVSS, 0),
    VECTOR(MOVSD, 0),
    VECTOR(MOVD, 0),
    VECTOR(MOVQ, 0),
    ROW(MOVNTQ, exec_vector_move, 0),
    VECTOR(MOVLPS, VECTOR_LOW_HALF),
    VECTOR(MOVLPD, VECTOR_LOW_HALF),
    VECTOR(MOVHPS, VECTOR_HIGH_HALF),
    VECTOR(MOVHPD, VECTOR_HIGH_HALF),
};

const struct action *action_find(uint16_t mnemonic, uint8_t kind)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (actions[i].mnemonic == mnemonic && kind == (actions[i].flags & ACTION_KIND))
            return &actions[i];
    return NULL;
}
