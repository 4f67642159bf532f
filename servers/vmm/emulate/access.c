// The accesses of an instruction: recorded, waiting, or to be performed next.
// SPDX-License-Identifier: MIT
//
// Reads and writes of one instruction happen in its order. A write waits in run->write while the run goes on;
// when the run reaches its end with one write waiting, that write completes the instruction; a read that
// nobody has performed yet, or a second write, means that the oldest one waiting must be performed and waited
// for first.
#include "servers/vmm/emulate/run.h"

bool access_report(struct emu_run *run, const struct vcpu_access *access)
{
    if (run->progress->count == EMU_ACCESSES)
        return unsupported(run);
    run->result->kind = EMU_ACCESS;
    run->result->access = *access;
    return false;
}

static bool is_recorded(struct emu_run *run)
{
    return run->accesses < run->progress->count;
}

// Recorded like any other: the run may still stop, and begin again elsewhere.
static bool read_own(struct emu_run *run, const struct vcpu_access *access, uint64_t *value)
{
    struct emu_progress *progress = run->progress;
    const struct emu_env *env = run->env;
    if (!env->read_own || progress->count == EMU_ACCESSES || !env->read_own(env->ctx, access, value))
        return false;
    *value &= size_mask(access->size);
    progress->value[progress->count++] = *value;
    run->accesses++;
    return true;
}

bool access_read(struct emu_run *run, enum access_space space, uint64_t address, unsigned size,
                 uint64_t *value)
{
    if (is_recorded(run)) {
        *value = run->progress->value[run->accesses++] & size_mask(size);
        return true;
    }
    if (run->writes)
        return access_report(run, &run->write[0]);
    struct vcpu_access access = {.space = (uint8_t)space, .address = address, .size = (uint8_t)size};
    return read_own(run, &access, value) || access_report(run, &access);
}

bool access_write(struct emu_run *run, enum access_space space, uint64_t address, unsigned size,
                  uint64_t value)
{
    if (is_recorded(run)) {
        run->accesses++;
        return true;
    }
    if (run->writes == EMU_ACCESSES)
        return unsupported(run);
    run->write[run->writes++] = (struct vcpu_access){.space = (uint8_t)space,
                                                     .address = address,
                                                     .size = (uint8_t)size,
                                                     .write = 1,
                                                     .flags = ACCESS_RETURN,
                                                     .value = value};
    return true;
}
