// What an intercepted instruction is, how long it is, and its operands.
// SPDX-License-Identifier: MIT
//
// The hot exits, CPUID and the MSR pair, take a short way: the exit says what the bytes at RIP must be.
#include "servers/vmm/emulate/control.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "servers/vmm/emulate/run.h"

// Instructions without prefixes, bytes in memory order from the lowest.
static const struct {
    uint8_t length;
    uint8_t what;
    uint16_t bytes;
} plain[EXIT_KINDS] = {
    [EXIT_CPUID] = {2, EMU_CPUID, 0xa20f},
    [EXIT_RDMSR] = {2, EMU_RDMSR, 0x320f},
    [EXIT_WRMSR] = {2, EMU_WRMSR, 0x300f},
    [EXIT_HLT] = {1, EMU_HLT, 0xf4},
};

static const struct row {
    uint16_t mnemonic;
    uint8_t what;
    uint8_t exit; // the kind that it causes when it is intercepted
} rows[] = {
    {ZYDIS_MNEMONIC_CPUID, EMU_CPUID, EXIT_CPUID},
    {ZYDIS_MNEMONIC_RDMSR, EMU_RDMSR, EXIT_RDMSR},
    {ZYDIS_MNEMONIC_WRMSR, EMU_WRMSR, EXIT_WRMSR},
    {ZYDIS_MNEMONIC_HLT, EMU_HLT, EXIT_HLT},
    {ZYDIS_MNEMONIC_XSETBV, EMU_XSETBV, EXIT_XSETBV},
    {ZYDIS_MNEMONIC_VMCALL, EMU_VMCALL, EXIT_VMCALL},
    {ZYDIS_MNEMONIC_VMMCALL, EMU_VMCALL, EXIT_VMCALL},
    {ZYDIS_MNEMONIC_INVD, EMU_INVD, EXIT_INVALIDATE},
    {ZYDIS_MNEMONIC_WBINVD, EMU_WBINVD, EXIT_INVALIDATE},
    {ZYDIS_MNEMONIC_CLTS, EMU_CLTS, EXIT_CR},
    {ZYDIS_MNEMONIC_LMSW, EMU_LMSW, EXIT_CR},
    {ZYDIS_MNEMONIC_SMSW, EMU_SMSW, EXIT_CR},
    {ZYDIS_MNEMONIC_RDTSC, EMU_RDTSC, EXIT_PRIVILEGED},
    {ZYDIS_MNEMONIC_RDTSCP, EMU_RDTSCP, EXIT_PRIVILEGED},
    {ZYDIS_MNEMONIC_RDPMC, EMU_RDPMC, EXIT_PRIVILEGED},
    {ZYDIS_MNEMONIC_PAUSE, EMU_PAUSE, EXIT_PRIVILEGED},
    {ZYDIS_MNEMONIC_MONITOR, EMU_MONITOR, EXIT_PRIVILEGED},
    {ZYDIS_MNEMONIC_MWAIT, EMU_MWAIT, EXIT_PRIVILEGED},
};

static const struct row other = {.what = EMU_OTHER, .exit = EXIT_PRIVILEGED};

// Segment limit and canonical form are not looked at: the processor has just fetched these bytes.
static bool decode_plain(const struct vcpu_state *cpu, const struct emu_env *env, enum exit_kind kind,
                         struct emu_control *control)
{
    unsigned length = plain[kind].length;
    bool code64 = cpu_code64(cpu);
    uint64_t linear = code64 ? cpu->rip : (uint32_t)(cpu->seg[SEG_CS].base + cpu->rip);
    if (!length || (linear & 0xfff) + length > 4096)
        return false;
    struct walk walk;
    uint64_t access = WALK_FETCH | (cpu_cpl(cpu) == 3 ? WALK_USER : 0);
    if (walk_linear(cpu, env, env->cache->hints, linear, access, &walk) != WALK_OK || !walk.host)
        return false;
    unsigned bytes = walk.host[0] | (length > 1 ? (unsigned)walk.host[1] << 8 : 0);
    if (bytes != plain[kind].bytes)
        return false;
    *control = (struct emu_control){
        .what = plain[kind].what, .length = (uint8_t)length, .gpr = REG_NONE, .number = REG_NONE};
    return true;
}

static const struct row *find_row(uint16_t mnemonic)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].mnemonic == mnemonic)
            return &rows[i];
    return &other;
}

// Moves to and from control and debug registers.
static const struct row *find_move(const struct insn *insn)
{
    static const struct row from_cr = {.what = EMU_MOV_FROM_CR, .exit = EXIT_CR};
    static const struct row to_cr = {.what = EMU_MOV_TO_CR, .exit = EXIT_CR};
    static const struct row from_dr = {.what = EMU_MOV_FROM_DR, .exit = EXIT_DR};
    static const struct row to_dr = {.what = EMU_MOV_TO_DR, .exit = EXIT_DR};
    if (insn->op[0].kind == OPERAND_CONTROL)
        return &to_cr;
    if (insn->op[0].kind == OPERAND_DEBUG)
        return &to_dr;
    if (insn->op[1].kind == OPERAND_CONTROL)
        return &from_cr;
    return insn->op[1].kind == OPERAND_DEBUG ? &from_dr : &other;
}

// Exits of these kinds come from nothing but their own instructions.
static bool fits(enum exit_kind kind, const struct row *row)
{
    switch (kind) {
    case EXIT_CPUID:
    case EXIT_RDMSR:
    case EXIT_WRMSR:
    case EXIT_HLT:
    case EXIT_XSETBV:
    case EXIT_VMCALL:
    case EXIT_INVALIDATE:
    case EXIT_CR:
    case EXIT_DR: return row->exit == kind;
    default: return true;
    }
}

static bool take_operands(struct emu_run *run, struct emu_control *control)
{
    const struct operand *op = run->insn->op;
    bool to = control->what == EMU_MOV_TO_CR || control->what == EMU_MOV_TO_DR;
    if (control->what == EMU_LMSW)
        return resolve_operand(run) && get(run, 0, &control->value);
    if (!to && control->what != EMU_MOV_FROM_CR && control->what != EMU_MOV_FROM_DR)
        return true;
    control->number = op[to ? 0 : 1].reg;
    control->gpr = op[to ? 1 : 0].reg;
    control->size = op[to ? 1 : 0].size;
    control->value = to ? gpr_get(run, &op[1]) : 0;
    return true;
}

static bool decode_any(struct emu_run *run, enum exit_kind kind, struct emu_control *control)
{
    if (!fetch(run))
        return false;
    const struct insn *insn = run->insn;
    const struct row *row = insn->mnemonic == ZYDIS_MNEMONIC_MOV ? find_move(insn) : find_row(insn->mnemonic);
    if (!fits(kind, row))
        return retry(run);
    control->what = row->what;
    control->length = insn->length;
    return take_operands(run, control);
}

// Apart, so that the short way saves no registers.
__attribute__((noinline)) static void decode_slowly(const struct vcpu_state *cpu, const struct emu_env *env,
                                                    enum exit_kind kind, struct emu_control *control,
                                                    struct emu_result *result)
{
    struct emu_progress progress = {0};
    struct emu_run run;
    *control = (struct emu_control){.gpr = REG_NONE, .number = REG_NONE};
    run_init(&run, cpu, env, &progress, result);
    decode_any(&run, kind, control);
    if (result->kind == EMU_ACCESS) // LMSW from MMIO
        result->kind = EMU_UNSUPPORTED;
    if (result->kind == EMU_UNSUPPORTED) {
        result->length = progress.length;
        memcpy(result->bytes, progress.bytes, sizeof(result->bytes));
    }
}

void emu_decode(const struct vcpu_state *cpu, const struct emu_env *env, enum exit_kind kind,
                struct emu_control *control, struct emu_result *result)
{
    if (decode_plain(cpu, env, kind, control))
        result->kind = EMU_DONE;
    else
        decode_slowly(cpu, env, kind, control, result);
}
