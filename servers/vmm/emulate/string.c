// String instructions and port I/O: one iteration a run.
// SPDX-License-Identifier: MIT
//
// Each iteration of a repeated instruction is complete in itself: RCX, RSI and RDI say where it goes on, so
// that the guest takes its interrupts in between. [SDM] 2 REP.
#include "servers/vmm/emulate/alu.h"
#include "servers/vmm/emulate/run.h"

enum { SOURCE, DESTINATION }; // of run->place

static uint16_t port_of(const struct emu_run *run)
{
    return (uint16_t)run->gpr[GPR_RDX];
}

static bool movs(struct emu_run *run, unsigned size)
{
    (void)size;
    uint64_t value;
    return load_value(run, &run->place[SOURCE], &value) && store_value(run, &run->place[DESTINATION], value);
}

static bool cmps(struct emu_run *run, unsigned size)
{
    uint64_t a, b;
    if (!load_value(run, &run->place[SOURCE], &a) || !load_value(run, &run->place[DESTINATION], &b))
        return false;
    alu(ALU_CMP, a, b, size, &run->rflags);
    return true;
}

static bool stos(struct emu_run *run, unsigned size)
{
    return store_value(run, &run->place[DESTINATION], run->gpr[GPR_RAX] & size_mask(size));
}

static bool lods(struct emu_run *run, unsigned size)
{
    uint64_t value;
    if (!load_value(run, &run->place[SOURCE], &value))
        return false;
    gpr_set_sized(run, GPR_RAX, size, value);
    return true;
}

static bool scas(struct emu_run *run, unsigned size)
{
    uint64_t value;
    if (!load_value(run, &run->place[DESTINATION], &value))
        return false;
    alu(ALU_CMP, run->gpr[GPR_RAX], value, size, &run->rflags);
    return true;
}

static bool ins(struct emu_run *run, unsigned size)
{
    uint64_t value;
    return access_read(run, ACCESS_PORT, port_of(run), size, &value) &&
           store_value(run, &run->place[DESTINATION], value);
}

static bool outs(struct emu_run *run, unsigned size)
{
    uint64_t value;
    return load_value(run, &run->place[SOURCE], &value) &&
           access_write(run, ACCESS_PORT, port_of(run), size, value);
}

static const struct string_form {
    uint8_t source, destination; // operand.access; zero: not used
    bool port;
    bool compares; // REPE and REPNE look at ZF
    bool (*iterate)(struct emu_run *run, unsigned size);
} forms[] = {
    [STRING_MOVS] = {OPERAND_READ, OPERAND_WRITE, false, false, movs},
    [STRING_CMPS] = {OPERAND_READ, OPERAND_READ, false, true, cmps},
    [STRING_STOS] = {0, OPERAND_WRITE, false, false, stos},
    [STRING_LODS] = {OPERAND_READ, 0, false, false, lods},
    [STRING_SCAS] = {0, OPERAND_READ, false, true, scas},
    [STRING_INS] = {0, OPERAND_WRITE, true, false, ins},
    [STRING_OUTS] = {OPERAND_READ, 0, true, false, outs},
};

static bool resolve_strings(struct emu_run *run, const struct string_form *form, unsigned size)
{
    uint64_t mask = size_mask(run->insn->address_size);
    if (form->port && !port_allowed(run, port_of(run), size))
        return false;
    if (form->source &&
        !resolve(run, run->insn->segment, run->gpr[GPR_RSI] & mask, size, form->source, &run->place[SOURCE]))
        return false;
    return !form->destination ||
           resolve(run, SEG_ES, run->gpr[GPR_RDI] & mask, size, form->destination, &run->place[DESTINATION]);
}

static void advance(struct emu_run *run, unsigned reg, int64_t by)
{
    gpr_set_sized(run, reg, run->insn->address_size, run->gpr[reg] + (uint64_t)by);
}

static bool goes_on(struct emu_run *run, const struct string_form *form)
{
    bool equal = run->rflags & RFLAGS_ZF;
    if (form->compares && equal == !!(run->insn->flags & INSN_REPNE))
        return false;
    return run->gpr[GPR_RCX] & size_mask(run->insn->address_size);
}

bool exec_string(struct emu_run *run, unsigned kind)
{
    const struct string_form *form = &forms[kind];
    unsigned size = run->insn->operand_size;
    bool repeated = run->insn->flags & (INSN_REP | INSN_REPNE);
    if (repeated && !(run->gpr[GPR_RCX] & size_mask(run->insn->address_size)))
        return true;
    if (!resolve_strings(run, form, size) || !form->iterate(run, size))
        return false;
    int64_t step = run->rflags & RFLAGS_DF ? -(int64_t)size : size;
    if (form->source)
        advance(run, GPR_RSI, step);
    if (form->destination)
        advance(run, GPR_RDI, step);
    if (repeated) {
        advance(run, GPR_RCX, -1);
        run->repeat = goes_on(run, form);
    }
    return true;
}

bool exec_in(struct emu_run *run, unsigned unused)
{
    (void)unused;
    uint64_t port, value;
    unsigned size = run->insn->op[0].size;
    return get(run, 1, &port) && port_allowed(run, (uint16_t)port, size) &&
           access_read(run, ACCESS_PORT, port, size, &value) && put(run, 0, value);
}

bool exec_out(struct emu_run *run, unsigned unused)
{
    (void)unused;
    uint64_t port, value;
    unsigned size = run->insn->op[1].size;
    return get(run, 0, &port) && get(run, 1, &value) && port_allowed(run, (uint16_t)port, size) &&
           access_write(run, ACCESS_PORT, port, size, value);
}
