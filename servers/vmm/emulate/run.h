// One run of the emulator over one instruction: what its parts share.
// SPDX-License-Identifier: MIT
//
// Functions that return bool return false to stop the run; run->result then says why. A handler first
// resolves all its memory operands (which may fault), then loads, then stores (which may only stop for an
// access): so a fault comes before any access wherever the architecture lets it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"
#include "servers/vmm/emulate/action.h"
#include "servers/vmm/emulate/decode.h"
#include "servers/vmm/emulate/emulate.h"
#include "servers/vmm/emulate/walk.h"
#include "servers/vmm/emulate/x86.h"

enum { PLACE_PIECES = 2, RUN_STORES = 4 };

// A resolved memory operand: one piece a page.
struct place {
    struct piece {
        uint8_t *host; // NULL: MMIO
        uint64_t gpa;
        uint32_t length;
    } piece[PLACE_PIECES];
    uint8_t pieces;
    bool whole;      // one access does: aligned and of 1, 2, 4 or 8 bytes
    uint64_t loaded; // the last value loaded from it, when it has at most 8 bytes
};

struct ram_store {
    uint8_t *host;
    uint32_t length;
    bool compare; // must still be `expected`: a locked instruction
    uint64_t expected;
    uint8_t data[EMU_VECTOR_BYTES];
};

struct emu_run {
    const struct vcpu_state *cpu; // before the instruction
    const struct emu_env *env;
    struct emu_progress *progress;
    struct emu_result *result;
    const struct insn *insn;
    enum code_mode mode;
    unsigned cpl;
    unsigned accesses; // of this run, done or recorded
    unsigned pages;

    uint64_t gpr[GPR_COUNT]; // after the instruction
    uint64_t rip;
    uint64_t rflags;
    uint32_t blocking;
    uint32_t groups; // of the state that the instruction changes
    bool repeat;

    struct place place[2];   // of the memory operand; of a string's source and destination
    unsigned stores, writes; // waiting for completion
    struct ram_store store[RUN_STORES];
    struct vcpu_access write[EMU_ACCESSES];
    uint8_t vector_register; // REG_NONE: none
    uint8_t vector[EMU_VECTOR_BYTES];
    uint8_t segment_register; // REG_NONE: none
    struct vcpu_segment segment;
};

// Everything but the instruction.
void run_init(struct emu_run *run, const struct vcpu_state *cpu, const struct emu_env *env,
              struct emu_progress *progress, struct emu_result *result);

// Results other than completion; all return false.
bool raise(struct emu_run *run, enum vector vector);
bool raise_error(struct emu_run *run, enum vector vector, uint32_t error);
bool unsupported(struct emu_run *run);
bool retry(struct emu_run *run);

// fetch.c: the bytes at RIP, decoded into run->insn.
bool fetch(struct emu_run *run);

// segment.c
bool linear_address(struct emu_run *run, unsigned segment, uint64_t offset, unsigned size, bool write,
                    uint64_t *linear);

static inline void want_system(const struct emu_run *run)
{
    if (run->env->fetch_system)
        run->env->fetch_system(run->env->ctx);
}

// system.c: as the processor itself reads tables. system_byte: its host address; NULL: stopped.
uint8_t *system_byte(struct emu_run *run, uint64_t linear, uint64_t access);
bool system_read(struct emu_run *run, uint64_t linear, unsigned size, uint64_t *value);
bool port_allowed(struct emu_run *run, uint16_t port, unsigned size);

// descriptor.c
bool load_segment(struct emu_run *run, unsigned segment, uint16_t selector);

// memory.c
bool walk_or_stop(struct emu_run *run, uint64_t linear, uint64_t access, struct walk *out);
bool resolve(struct emu_run *run, unsigned segment, uint64_t offset, unsigned size, unsigned access,
             struct place *place);
bool load(struct emu_run *run, struct place *place, void *data);
bool store(struct emu_run *run, const struct place *place, const void *data);
bool load_value(struct emu_run *run, struct place *place, uint64_t *value);
bool store_value(struct emu_run *run, const struct place *place, uint64_t value);
bool commit_stores(struct emu_run *run);

// access.c: what somebody else performs.
bool access_read(struct emu_run *run, enum access_space space, uint64_t address, unsigned size,
                 uint64_t *value);
bool access_write(struct emu_run *run, enum access_space space, uint64_t address, unsigned size,
                  uint64_t value);
bool access_report(struct emu_run *run, const struct vcpu_access *access);

// operand.c
uint64_t gpr_get(const struct emu_run *run, const struct operand *op);
void gpr_set(struct emu_run *run, const struct operand *op, uint64_t value);
void gpr_set_sized(struct emu_run *run, unsigned reg, unsigned size, uint64_t value);
uint64_t effective_address(const struct emu_run *run, const struct operand *op);
bool resolve_operand(struct emu_run *run);
bool get(struct emu_run *run, unsigned i, uint64_t *value);
bool put(struct emu_run *run, unsigned i, uint64_t value);

// The handlers of actions.c's rows.
bool exec_move(struct emu_run *run, unsigned unused);
bool exec_move_signed(struct emu_run *run, unsigned unused);
bool exec_move_swapped(struct emu_run *run, unsigned unused);
bool exec_alu(struct emu_run *run, unsigned op);
bool exec_alu_unary(struct emu_run *run, unsigned op);
bool exec_alu_scan(struct emu_run *run, unsigned op);
bool exec_bit(struct emu_run *run, unsigned op);
bool exec_double_shift(struct emu_run *run, unsigned left);
bool exec_multiply(struct emu_run *run, unsigned is_signed);
bool exec_divide(struct emu_run *run, unsigned is_signed);
bool exec_exchange(struct emu_run *run, unsigned add);
bool exec_compare_exchange(struct emu_run *run, unsigned unused);
bool exec_compare_exchange_pair(struct emu_run *run, unsigned unused);
bool exec_move_if(struct emu_run *run, unsigned condition);
bool exec_set_if(struct emu_run *run, unsigned condition);
bool exec_store_system(struct emu_run *run, unsigned what);
bool exec_load_system(struct emu_run *run, unsigned segment);
bool exec_far_jump(struct emu_run *run, unsigned unused);
bool exec_flush(struct emu_run *run, unsigned unused);
bool exec_in(struct emu_run *run, unsigned unused);
bool exec_out(struct emu_run *run, unsigned unused);
bool exec_string(struct emu_run *run, unsigned kind);
bool exec_push(struct emu_run *run, unsigned unused);
bool exec_pop(struct emu_run *run, unsigned unused);
bool exec_jump(struct emu_run *run, unsigned is_call);
bool exec_return(struct emu_run *run, unsigned unused);
bool exec_enter(struct emu_run *run, unsigned unused);
bool exec_leave(struct emu_run *run, unsigned unused);
bool exec_vector_move(struct emu_run *run, unsigned form);

enum string_kind { STRING_MOVS, STRING_CMPS, STRING_STOS, STRING_LODS, STRING_SCAS, STRING_INS, STRING_OUTS };
enum system_value { SYSTEM_CR0, SYSTEM_LDTR, SYSTEM_TR };
enum vector_form { VECTOR_ALIGNED = 1, VECTOR_LOW_HALF = 2, VECTOR_HIGH_HALF = 4 };
