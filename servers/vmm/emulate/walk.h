// The guest's own page tables: linear to guest-physical address, as the processor would do it.
// SPDX-License-Identifier: MIT
//
// A finished walk is kept as a hint together with the address and the value of every table entry that it
// read, and holds only while all of them still have these values: a hint is never staler than a new walk.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libipc/abi/vcpu.h"
#include "servers/vmm/emulate/env.h"

// What an access is; beside them walk() looks at CR0, CR4, EFER and RFLAGS.AC.
#define WALK_WRITE    (UINT64_C(1) << 32)
#define WALK_FETCH    (UINT64_C(1) << 33)
#define WALK_USER     (UINT64_C(1) << 34)
#define WALK_IMPLICIT (UINT64_C(1) << 35) // of a descriptor table or TSS: supervisor, whatever CPL is

enum walk_status {
    WALK_OK,
    WALK_FAULT,       // page fault with walk->error
    WALK_BUSY,        // another processor keeps changing the tables: let the guest try again
    WALK_UNSUPPORTED, // five levels, or a table outside RAM
};

struct walk {
    uint64_t gpa;
    uint8_t *host; // of the byte at gpa; NULL: MMIO. Good for the rest of the page.
    uint32_t error;
};

enum { WALK_LEVELS = 4, WALK_HINTS = 64 };

struct walk_hint {
    uint64_t key; // zero: unused
    uint64_t page;
    uint64_t cr3;
    uint64_t gpa;
    uint8_t *host;
    const void *entry[WALK_LEVELS];
    uint64_t value[WALK_LEVELS];
    uint8_t entries;
    uint8_t width; // bytes of an entry
};

// Translates linear, which the caller has checked to be canonical. Sets accessed and dirty bits.
enum walk_status walk_linear(const struct vcpu_state *cpu, const struct emu_env *env,
                             struct walk_hint hints[WALK_HINTS], uint64_t linear, uint64_t access,
                             struct walk *out);
