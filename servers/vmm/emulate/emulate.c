// One run from the beginning of an instruction to its completion, its next access, or its fault.
// SPDX-License-Identifier: MIT
#include "servers/vmm/emulate/emulate.h"

#include <string.h>

#include "servers/vmm/emulate/run.h"

_Static_assert(sizeof(struct emu_progress) == 184, "lives in a state object");

bool unsupported(struct emu_run *run)
{
    run->result->kind = EMU_UNSUPPORTED;
    return false;
}

bool retry(struct emu_run *run)
{
    run->result->kind = EMU_RETRY;
    return false;
}

bool raise(struct emu_run *run, enum vector vector)
{
    run->result->kind = EMU_EVENT;
    run->result->event = EVENT_MAKE(EVENT_EXCEPTION, vector);
    return false;
}

// In real mode no exception has an error code.
bool raise_error(struct emu_run *run, enum vector vector, uint32_t error)
{
    raise(run, vector);
    if (run->cpu->cr0 & CR0_PE)
        run->result->event |= EVENT_ERROR(error);
    return false;
}

static enum code_mode code_mode(const struct vcpu_state *cpu)
{
    if (cpu_code64(cpu))
        return CODE_64;
    if (cpu->seg[SEG_CS].attributes & SEG_BIG)
        return CODE_32;
    return cpu_real_segments(cpu) ? CODE_REAL16 : CODE_16;
}

void run_init(struct emu_run *run, const struct vcpu_state *cpu, const struct emu_env *env,
              struct emu_progress *progress, struct emu_result *result)
{
    run->cpu = cpu;
    run->env = env;
    run->progress = progress;
    run->result = result;
    run->mode = code_mode(cpu);
    run->cpl = cpu_cpl(cpu);
    run->accesses = run->pages = run->stores = run->writes = 0;
    memcpy(run->gpr, cpu->gpr, sizeof(run->gpr));
    run->rip = cpu->rip;
    run->rflags = cpu->rflags;
    run->blocking = cpu->blocking & ~(uint32_t)(BLOCKING_STI | BLOCKING_MOV_SS);
    run->groups = 0;
    run->repeat = false;
    run->vector_register = run->segment_register = REG_NONE;
    *result = (struct emu_result){.kind = EMU_DONE};
}

static const uint32_t segment_groups[SEG_COUNT] = {
    [SEG_ES] = GROUP_SEG_DATA,     [SEG_CS] = GROUP_SEG_CODE,   [SEG_SS] = GROUP_SEG_CODE,
    [SEG_DS] = GROUP_SEG_DATA,     [SEG_FS] = GROUP_SEG_DATA,   [SEG_GS] = GROUP_SEG_DATA,
    [SEG_LDTR] = GROUP_SEG_SYSTEM, [SEG_TR] = GROUP_SEG_SYSTEM,
};

// The only place where the vCPU's state and RAM change.
static bool commit(struct emu_run *run, struct vcpu_state *cpu)
{
    if (!commit_stores(run))
        return retry(run);
    run->result->step = cpu->rflags & RFLAGS_TF;
    run->result->repeat = run->repeat;
    if (run->groups & GROUP_GPR)
        memcpy(cpu->gpr, run->gpr, sizeof(run->gpr));
    cpu->rip = run->repeat ? cpu->rip : run->rip;
    cpu->rflags = run->repeat ? run->rflags : run->rflags & ~RFLAGS_RF;
    cpu->blocking = run->blocking;
    if (run->vector_register != REG_NONE)
        run->env->vector_set(run->env->ctx, run->vector_register, run->vector);
    if (run->segment_register != REG_NONE) {
        cpu->seg[run->segment_register] = run->segment;
        run->groups |= segment_groups[run->segment_register];
    }
    run->result->groups = run->groups | GROUP_RIP;
    return true;
}

static void complete(struct emu_run *run, struct vcpu_state *cpu)
{
    if (run->writes > 1) {
        access_report(run, &run->write[0]);
    } else if (commit(run, cpu) && run->writes) {
        run->result->kind = EMU_ACCESS;
        run->result->complete = true;
        run->result->access = run->write[0];
        run->result->access.flags = 0;
    }
}

static bool execute(struct emu_run *run)
{
    if (!fetch(run))
        return false;
    const struct action *action = run->insn->action;
    if (!action)
        return unsupported(run);
    if (!(action->flags & ACTION_LATE) && !resolve_operand(run))
        return false;
    return action->execute(run, action->argument);
}

static void run_once(struct vcpu_state *cpu, const struct emu_env *env, struct emu_progress *progress,
                     struct emu_result *result)
{
    struct emu_run run;
    run_init(&run, cpu, env, progress, result);
    if (execute(&run))
        complete(&run, cpu);
    if (result->kind == EMU_UNSUPPORTED) {
        result->length = progress->length;
        memcpy(result->bytes, progress->bytes, sizeof(result->bytes));
    }
}

void emu_start(struct vcpu_state *cpu, const struct emu_env *env, struct emu_progress *progress,
               struct emu_result *result)
{
    progress->count = progress->pages = progress->length = 0;
    run_once(cpu, env, progress, result);
}

void emu_resume(struct vcpu_state *cpu, const struct emu_env *env, struct emu_progress *progress,
                uint64_t value, struct emu_result *result)
{
    progress->value[progress->count++] = value;
    run_once(cpu, env, progress, result);
}

void emu_cache_reset(struct emu_cache *cache)
{
    memset(cache, 0, sizeof(*cache));
}
