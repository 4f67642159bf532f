// The bytes at RIP, through segment limit and page tables, decoded.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "servers/vmm/emulate/run.h"

// Host address of the code byte at RIP + offset, and how many follow in its page and segment. NULL: stopped.
static const uint8_t *code_window(struct emu_run *run, unsigned offset, size_t *available)
{
    const struct vcpu_segment *cs = &run->cpu->seg[SEG_CS];
    uint64_t rip = run->cpu->rip + offset, linear = rip;
    uint64_t limit = ~UINT64_C(0);
    if (run->mode != CODE_64) {
        rip = (uint32_t)rip;
        linear = (uint32_t)(cs->base + rip);
        limit = cs->limit;
    }
    if (rip > limit || !canonical(linear)) {
        raise_error(run, VECTOR_GP, 0);
        return NULL;
    }
    *available = 4096 - (linear & 0xfff);
    if (limit - rip < *available)
        *available = (size_t)(limit - rip + 1);
    struct walk walk;
    if (!walk_or_stop(run, linear, WALK_FETCH | (run->cpl == 3 ? WALK_USER : 0), &walk))
        return NULL;
    if (!walk.host)
        unsupported(run);
    return walk.host;
}

static bool decoded(struct emu_run *run, enum decode_status status)
{
    switch (status) {
    case DECODE_OK: run->rip = cpu_next_rip(run->cpu, run->insn->length); return true;
    case DECODE_ILLEGAL: return unsupported(run);
    default: return raise_error(run, VECTOR_GP, 0); // longer than 15 bytes: [SDM] 3A 6.15
    }
}

static enum decode_status decode_bytes(struct emu_run *run)
{
    struct emu_progress *progress = run->progress;
    return decode(run->env->cache, run->mode, run->cpu->rip, progress->bytes, progress->length, &run->insn);
}

// An instruction that goes on in the next page.
static bool fetch_rest(struct emu_run *run)
{
    struct emu_progress *progress = run->progress;
    unsigned have = progress->length;
    size_t available;
    const uint8_t *host = code_window(run, have, &available);
    if (!host)
        return false;
    size_t more = available < INSN_BYTES - have ? available : INSN_BYTES - have;
    memcpy((uint8_t *)progress->bytes + have, host, more);
    progress->length = (uint8_t)(have + more);
    return decoded(run, decode_bytes(run));
}

bool fetch(struct emu_run *run)
{
    struct emu_progress *progress = run->progress;
    if (progress->count)
        return decoded(run, decode_bytes(run));
    size_t available;
    const uint8_t *host = code_window(run, 0, &available);
    progress->length = 0;
    if (!host)
        return false;
    if (available >= sizeof(progress->bytes)) {
        memcpy(progress->bytes, host, sizeof(progress->bytes));
        progress->length = INSN_BYTES;
    } else {
        memset(progress->bytes, 0, sizeof(progress->bytes));
        memcpy(progress->bytes, host, available < INSN_BYTES ? available : INSN_BYTES);
        progress->length = (uint8_t)(available < INSN_BYTES ? available : INSN_BYTES);
    }
    enum decode_status status = decode_bytes(run);
    return status == DECODE_MORE ? fetch_rest(run) : decoded(run, status);
}
