// Executes the instruction at which a vCPU exited: memory-mapped and string I/O.
// SPDX-License-Identifier: MIT
//
// The emulator calls no device (but chips of its caller's own, env.h). It stops with an *access* for somebody
// else to perform, and is resumed with the value read: record and replay. Every run starts at the beginning
// of the instruction and takes what was read before from struct emu_progress, so that a run may stop in one
// process and be resumed in another. Registers and RAM change only when the instruction (of a repeated one:
// the iteration) completes. Instruction bytes and translations are part of the record: what another processor
// changes meanwhile does not matter.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"
#include "servers/vmm/emulate/env.h"

enum { EMU_ACCESSES = 16, EMU_PAGES = 4, EMU_INSN_BYTES = 16 };

// Groups of the state that the calls read, the last by env.fetch_system; emu_result.groups says what was
// written.
#define EMU_GROUPS_LENGTH (GROUP_GPR | GROUP_RIP | GROUP_CR | GROUP_EFER | GROUP_SEG_CODE)
#define EMU_GROUPS        (EMU_GROUPS_LENGTH | GROUP_SEG_DATA | GROUP_SEG_SYSTEM)

// Plain old data. What a stopped instruction has done so far.
struct emu_progress {
    uint64_t bytes[2]; // of the instruction
    uint64_t gpa[EMU_PAGES];
    uint64_t value[EMU_ACCESSES];
    uint8_t length; // of the bytes that are valid
    uint8_t pages;
    uint8_t count; // accesses that are done
    uint8_t reserved[5];
};

enum emu_kind {
    EMU_DONE,        // the instruction (or one iteration of it) is complete
    EMU_ACCESS,      // perform result.access
    EMU_EVENT,       // inject result.event; nothing else changed
    EMU_RETRY,       // nothing changed: let the guest run into the instruction again
    EMU_UNSUPPORTED, // nothing changed; result.bytes for the log
};

struct emu_result {
    uint8_t kind; // enum emu_kind
    // With EMU_ACCESS, a write: it ends the instruction, and the state is that after it. Do not resume. Any
    // other access comes back to emu_resume(); a write of this kind has ACCESS_RETURN set.
    bool complete;
    bool step;   // on completion: RFLAGS.TF was set, a single-step #DB (DR6.BS) is due
    bool repeat; // on completion: RIP is still at the repeated instruction
    uint8_t length;
    uint8_t bytes[EMU_INSN_BYTES - 1];
    uint32_t groups;           // of struct vcpu_state that changed
    struct vcpu_access access; // the cookie is the caller's
    uint64_t event;            // EVENT_MAKE(), with EVENT_ERROR()
    uint64_t fault_address;    // of a page fault: CR2
};

// Executes the instruction at RIP up to its first access.
void emu_start(struct vcpu_state *cpu, const struct emu_env *env, struct emu_progress *progress,
               struct emu_result *result);

// Goes on after the access that was reported last: value is what was read. cpu and progress must be as
// emu_start() or emu_resume() left them.
void emu_resume(struct vcpu_state *cpu, const struct emu_env *env, struct emu_progress *progress,
                uint64_t value, struct emu_result *result);

// Forgets all addresses and instructions; also makes fresh memory a cache.
void emu_cache_reset(struct emu_cache *cache);
