// From Zydis' instructions to ours, and the cache in front of it.
// SPDX-License-Identifier: MIT
//
// Zydis takes thousands of processor instructions for one of the guest's; a guest's driver runs the same few
// over and over.
#include "servers/vmm/emulate/decode.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "libipc/abi/vcpu.h"
#include "servers/vmm/emulate/action.h"

static const struct {
    ZydisMachineMode machine;
    ZydisStackWidth stack;
} decoder_modes[CODE_MODES] = {
    [CODE_REAL16] = {ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16},
    [CODE_16] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16},
    [CODE_32] = {ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32},
    [CODE_64] = {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
};

static const struct {
    ZydisInstructionAttributes attribute;
    uint8_t flag;
} attribute_flags[] = {
    {ZYDIS_ATTRIB_HAS_LOCK, INSN_LOCK},
    {ZYDIS_ATTRIB_HAS_REP, INSN_REP},
    {ZYDIS_ATTRIB_HAS_REPE, INSN_REP},
    {ZYDIS_ATTRIB_HAS_REPNE, INSN_REPNE},
};

static const uint8_t segment_numbers[] = {SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS};

static uint8_t segment_number(ZydisRegister reg)
{
    int id = ZydisRegisterGetId(reg);
    return id < 0 ? SEG_DS : segment_numbers[id];
}

static uint8_t address_register(ZydisRegister reg)
{
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64: return (uint8_t)ZydisRegisterGetId(reg);
    case ZYDIS_REGCLASS_IP: return REG_RIP;
    default: return REG_NONE;
    }
}

static void register_operand(struct operand *op, ZydisRegister reg)
{
    enum { HIGH_FIRST = 4, HIGH_LAST = 7, LOW_AFTER = 4 }; // al cl dl bl ah ch dh bh spl bpl ...
    uint8_t id = (uint8_t)ZydisRegisterGetId(reg);
    op->reg = id;
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8:
        op->kind = id >= HIGH_FIRST && id <= HIGH_LAST ? OPERAND_HIGH_BYTE : OPERAND_GPR;
        if (id >= HIGH_FIRST)
            op->reg = (uint8_t)(id - LOW_AFTER);
        break;
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64: op->kind = OPERAND_GPR; break;
    case ZYDIS_REGCLASS_MMX:
        op->kind = OPERAND_VECTOR;
        op->reg = (uint8_t)(EMU_VECTOR_MMX + id);
        break;
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM: op->kind = OPERAND_VECTOR; break;
    case ZYDIS_REGCLASS_SEGMENT:
        op->kind = OPERAND_SEGMENT;
        op->reg = segment_number(reg);
        break;
    case ZYDIS_REGCLASS_CONTROL: op->kind = OPERAND_CONTROL; break;
    case ZYDIS_REGCLASS_DEBUG: op->kind = OPERAND_DEBUG; break;
    default: op->kind = OPERAND_OTHER;
    }
}

static void convert_operand(struct operand *op, const ZydisDecodedOperand *from)
{
    *op = (struct operand){.kind = OPERAND_OTHER, .reg = REG_NONE, .index = REG_NONE};
    op->size = from->size / 8 > UINT8_MAX ? UINT8_MAX : (uint8_t)(from->size / 8);
    op->access = (uint8_t)((from->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? OPERAND_READ : 0) |
                           (from->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? OPERAND_WRITE : 0));
    switch (from->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: register_operand(op, from->reg.value); break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        op->kind = OPERAND_IMMEDIATE;
        op->value = from->imm.value.s;
        break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
        op->kind = from->mem.type == ZYDIS_MEMOP_TYPE_VSIB ? OPERAND_OTHER : OPERAND_MEMORY;
        op->segment = segment_number(from->mem.segment);
        op->reg = address_register(from->mem.base);
        op->index = address_register(from->mem.index);
        op->scale = from->mem.scale;
        op->value = from->mem.disp.value;
        break;
    default: break;
    }
}

static bool is_string(const ZydisDecodedInstruction *from)
{
    return from->meta.category == ZYDIS_CATEGORY_STRINGOP || from->meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

// A string instruction's operands are hidden; its source is the one at rSI. The operand width does not tell
// the size of an element: REX.W does not widen INS and OUTS.
static void convert_string(struct insn *insn, const ZydisDecodedInstruction *from,
                           const ZydisDecodedOperand *operands)
{
    insn->segment = SEG_DS;
    for (unsigned i = 0; i < from->operand_count; i++) {
        if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        insn->operand_size = (uint8_t)(operands[i].size / 8);
        if (address_register(operands[i].mem.base) == GPR_RSI)
            insn->segment = segment_number(operands[i].mem.segment);
    }
}

static uint8_t action_kind(const ZydisDecodedInstruction *from)
{
    if (is_string(from))
        return ACTION_STRING;
    return from->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? ACTION_FAR : 0;
}

static void convert(struct insn *insn, const ZydisDecodedInstruction *from,
                    const ZydisDecodedOperand *operands)
{
    *insn = (struct insn){
        .mnemonic = (uint16_t)from->mnemonic,
        .length = from->length,
        .operand_size = from->operand_width / 8,
        .address_size = from->address_width / 8,
        .operands = from->operand_count_visible,
        .action = action_find((uint16_t)from->mnemonic, action_kind(from)),
    };
    for (size_t i = 0; i < sizeof(attribute_flags) / sizeof(attribute_flags[0]); i++)
        if (from->attributes & attribute_flags[i].attribute)
            insn->flags |= attribute_flags[i].flag;
    if (from->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
        insn->flags |= INSN_VEX;
    if (is_string(from))
        convert_string(insn, from, operands);
    if (from->attributes & ZYDIS_ATTRIB_IS_RELATIVE && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        insn->flags |= INSN_RELATIVE;
    if (from->mnemonic == ZYDIS_MNEMONIC_XCHG)
        insn->flags |= INSN_LOCK; // with or without the prefix: [SDM] 3A 9.1.2.1
    bool known = from->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
                 from->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    if (!known)
        insn->action = NULL;
    if (insn->operands > INSN_OPERANDS) {
        insn->operands = INSN_OPERANDS;
        insn->action = NULL;
    }
    insn->memory = REG_NONE;
    for (unsigned i = 0; i < insn->operands; i++) {
        convert_operand(&insn->op[i], &operands[i]);
        if (insn->op[i].kind == OPERAND_MEMORY)
            insn->memory = (uint8_t)i;
    }
}

static enum decode_status decode_fresh(enum code_mode mode, const uint64_t bytes[2], size_t available,
                                       struct insn *insn)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction from;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, decoder_modes[mode].machine, decoder_modes[mode].stack)))
        return DECODE_ILLEGAL;
    ZyanStatus status = ZydisDecoderDecodeFull(&decoder, bytes, available, &from, operands);
    if (ZYAN_SUCCESS(status)) {
        convert(insn, &from, operands);
        return DECODE_OK;
    }
    if (status == ZYDIS_STATUS_NO_MORE_DATA)
        return available < INSN_BYTES ? DECODE_MORE : DECODE_TOO_LONG;
    return status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? DECODE_TOO_LONG : DECODE_ILLEGAL;
}

static uint64_t low_bytes(unsigned count)
{
    return count == 0 ? 0 : count >= 8 ? ~UINT64_C(0) : ~(~UINT64_C(0) << 8 * count);
}

enum decode_status decode(struct emu_cache *cache, enum code_mode mode, uint64_t rip, const uint64_t bytes[2],
                          size_t available, const struct insn **out)
{
    struct decode_entry *entry = &cache->entries[(rip ^ rip >> 6) % DECODE_ENTRIES];
    *out = &entry->insn;
    uint64_t difference =
        ((bytes[0] & entry->mask[0]) ^ entry->bytes[0]) | ((bytes[1] & entry->mask[1]) ^ entry->bytes[1]);
    if (entry->valid && entry->mode == mode && !difference && entry->insn.length <= available)
        return DECODE_OK;
    entry->valid = false;
    enum decode_status status = decode_fresh(mode, bytes, available, &entry->insn);
    if (status != DECODE_OK)
        return status;
    unsigned length = entry->insn.length;
    entry->mask[0] = low_bytes(length);
    entry->mask[1] = low_bytes(length > 8 ? length - 8 : 0);
    entry->bytes[0] = bytes[0] & entry->mask[0];
    entry->bytes[1] = bytes[1] & entry->mask[1];
    entry->mode = (uint8_t)mode;
    entry->valid = true;
    return DECODE_OK;
}
