// What an intercepted instruction is, how long it is, and its operands.
// SPDX-License-Identifier: MIT
//
// For processors without next-RIP and decode assists, and for operands that no processor supplies.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"
#include "servers/vmm/emulate/emulate.h"

enum emu_instruction {
    EMU_OTHER,
    EMU_CPUID,
    EMU_RDMSR,
    EMU_WRMSR,
    EMU_HLT,
    EMU_XSETBV,
    EMU_VMCALL, // and VMMCALL
    EMU_INVD,
    EMU_WBINVD,
    EMU_MOV_FROM_CR,
    EMU_MOV_TO_CR,
    EMU_MOV_FROM_DR,
    EMU_MOV_TO_DR,
    EMU_CLTS,
    EMU_LMSW,
    EMU_SMSW, // emu_start() executes it
    EMU_RDTSC,
    EMU_RDTSCP,
    EMU_RDPMC,
    EMU_PAUSE,
    EMU_MONITOR,
    EMU_MWAIT,
};

struct emu_control {
    uint8_t what;   // enum emu_instruction
    uint8_t length; // bytes
    uint8_t number; // of the control or debug register
    uint8_t gpr;    // enum vcpu_gpr: the other operand of a move
    uint8_t size;   // bytes of the move
    uint64_t value; // to be written: MOV to CR or DR, LMSW
};

// Looks at the instruction at RIP, which ended in an exit of the given kind. result->kind:
// EMU_DONE: *control is valid. EMU_RETRY: this instruction does not cause such an exit: another processor
// exchanged it, let the guest run it. EMU_EVENT, EMU_UNSUPPORTED: as of emu_start(). Needs EMU_GROUPS_LENGTH;
// for LMSW from memory EMU_GROUPS.
void emu_decode(const struct vcpu_state *cpu, const struct emu_env *env, enum exit_kind kind,
                struct emu_control *control, struct emu_result *result);
