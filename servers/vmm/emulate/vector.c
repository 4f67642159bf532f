// Moves between memory and the MMX, XMM and YMM registers.
// SPDX-License-Identifier: MIT
//
// The exit says that the processor found the instruction enabled; CR0 and CR4 are checked again because
// another processor may have exchanged the instruction meanwhile. XCR0 is not: it matters to the guest alone.
#include <string.h>

#include "servers/vmm/emulate/run.h"

enum { XMM_BYTES = 16, HALF_BYTES = 8 };

static bool enabled(struct emu_run *run, bool mmx)
{
    const struct vcpu_state *cpu = run->cpu;
    bool vex = run->insn->flags & INSN_VEX, sse = !vex && !mmx;
    if ((vex && !(cpu->cr4 & CR4_OSXSAVE)) || (!vex && (cpu->cr0 & CR0_EM)) ||
        (sse && !(cpu->cr4 & CR4_OSFXSR)))
        return raise(run, VECTOR_UD);
    return !(cpu->cr0 & CR0_TS) || raise(run, VECTOR_NM);
}

static bool aligned(const struct place *place, unsigned size)
{
    return !(place->piece[0].gpa & (size - 1));
}

// A half load keeps the other half: of the destination, or, with VEX, of the second operand.
static bool load_half(struct emu_run *run, unsigned at)
{
    const struct insn *insn = run->insn;
    unsigned memory = insn->operands - 1u, other = insn->op[memory - 1].reg;
    uint8_t upper[EMU_VECTOR_BYTES];
    run->env->vector_get(run->env->ctx, other, run->vector);
    run->env->vector_get(run->env->ctx, insn->op[0].reg, upper);
    if (insn->flags & INSN_VEX)
        memset(upper, 0, sizeof(upper));
    memcpy(run->vector + XMM_BYTES, upper + XMM_BYTES, XMM_BYTES);
    return load(run, &run->place[0], run->vector + at);
}

// Whole registers and scalars: the rest of the XMM register becomes zero, with VEX all of the rest.
static bool load_whole(struct emu_run *run)
{
    const struct insn *insn = run->insn;
    run->env->vector_get(run->env->ctx, insn->op[0].reg, run->vector);
    memset(run->vector, 0, insn->flags & INSN_VEX ? EMU_VECTOR_BYTES : XMM_BYTES);
    return load(run, &run->place[0], run->vector);
}

bool exec_vector_move(struct emu_run *run, unsigned form)
{
    const struct insn *insn = run->insn;
    const struct operand *to = &insn->op[0], *last = &insn->op[insn->operands - 1];
    bool stores = to->kind == OPERAND_MEMORY && last->kind == OPERAND_VECTOR;
    bool loads = last->kind == OPERAND_MEMORY && to->kind == OPERAND_VECTOR;
    unsigned half = form & VECTOR_HIGH_HALF ? HALF_BYTES : 0;
    if ((!stores && !loads) || !run->env->vector_get)
        return unsupported(run);
    bool mmx = (stores ? last : to)->reg >= EMU_VECTOR_MMX;
    if (!enabled(run, mmx))
        return false;
    struct place *place = &run->place[0];
    if ((form & VECTOR_ALIGNED) && !aligned(place, stores ? to->size : last->size))
        return raise_error(run, VECTOR_GP, 0);
    if (stores) {
        run->env->vector_get(run->env->ctx, last->reg, run->vector);
        run->vector_register = mmx ? last->reg : REG_NONE; // written back for its effect on the x87 state
        return store(run, place, run->vector + half);
    }
    run->vector_register = to->reg;
    return form & (VECTOR_LOW_HALF | VECTOR_HIGH_HALF) ? load_half(run, half) : load_whole(run);
}
