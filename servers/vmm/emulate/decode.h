// Decoded instructions: what is left of Zydis' answer, small enough to keep.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/vmm/emulate/walk.h"

enum { INSN_BYTES = 15, INSN_OPERANDS = 3, DECODE_ENTRIES = 64 };

enum code_mode { CODE_REAL16, CODE_16, CODE_32, CODE_64, CODE_MODES };

enum operand_kind {
    OPERAND_NONE,
    OPERAND_GPR,
    OPERAND_HIGH_BYTE, // ah ch dh bh; reg: rax rcx rdx rbx
    OPERAND_VECTOR,
    OPERAND_SEGMENT,
    OPERAND_CONTROL,
    OPERAND_DEBUG,
    OPERAND_IMMEDIATE,
    OPERAND_MEMORY,
    OPERAND_OTHER, // x87, far pointers ...: nothing that the emulator executes
};

enum { OPERAND_READ = 1, OPERAND_WRITE = 2 }; // operand.access
enum { REG_NONE = 0xff, REG_RIP = 0xfe };     // operand.reg and operand.index

struct operand {
    uint8_t kind;   // enum operand_kind
    uint8_t size;   // bytes
    uint8_t access; // OPERAND_READ, OPERAND_WRITE
    uint8_t reg;    // register; base of a memory operand
    uint8_t index;
    uint8_t scale;
    uint8_t segment; // enum vcpu_seg
    int64_t value;   // immediate or branch distance, sign-extended; displacement
};

enum insn_flag {
    INSN_LOCK = 1 << 0,
    INSN_REP = 1 << 1, // F3: rep, repe
    INSN_REPNE = 1 << 2,
    INSN_VEX = 1 << 3,
    INSN_RELATIVE = 1 << 4, // operand 0 is a branch distance
};

struct insn {
    const struct action *action; // NULL: not one that the emulator executes
    uint16_t mnemonic;           // ZydisMnemonic
    uint8_t length;
    uint8_t flags;        // enum insn_flag
    uint8_t operand_size; // bytes
    uint8_t address_size; // bytes
    uint8_t segment;      // of a string instruction's source
    uint8_t operands;
    uint8_t memory; // which operand is memory; REG_NONE: none. No instruction has two.
    struct operand op[INSN_OPERANDS];
};

struct decode_entry {
    uint64_t bytes[2]; // zero beyond the instruction
    uint64_t mask[2];  // ones over it
    struct insn insn;
    uint8_t mode;
    uint8_t valid;
};

// All of it may be lost at any time.
struct emu_cache {
    struct walk_hint hints[WALK_HINTS];
    struct decode_entry entries[DECODE_ENTRIES];
};

enum decode_status {
    DECODE_OK,
    DECODE_MORE,     // the instruction is longer than the bytes given
    DECODE_TOO_LONG, // than 15 bytes
    DECODE_ILLEGAL,  // or not known to Zydis
};

// Decodes the first `available` of the 16 bytes; those beyond must be zero. *out stays good until the next
// call with this cache. `rip` only chooses the cache's entry: an entry counts only when mode and bytes are
// the same.
enum decode_status decode(struct emu_cache *cache, enum code_mode mode, uint64_t rip, const uint64_t bytes[2],
                          size_t available, const struct insn **out);
