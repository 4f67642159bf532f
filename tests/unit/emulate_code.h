// Machine code for the tests of the emulator, assembled with them.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "tests/unit/emulate_machine.h"

// SNIPPET(name, 16 | 32 | 64, "text"): the bytes of text; LOAD(machine, name) puts them at CS:RIP.
#define SNIPPET(name, bits, text)                                                                            \
    __asm__(".data\n.code" #bits "\n" #name ":\n" text "\n" #name "_end:\n.code64\n.text\n");                \
    extern const uint8_t name[], name##_end[]
#define LOAD(m, name) machine_code(m, name, (size_t)(name##_end - (name)))

#define EXCEPTION(vector)              EVENT_MAKE(EVENT_EXCEPTION, vector)
#define EXCEPTION_ERROR(vector, error) (EVENT_MAKE(EVENT_EXCEPTION, vector) | EVENT_ERROR(error))

// One step that must raise `event`.
static inline void expect_event(struct machine *m, uint64_t event)
{
    assert_int_equal(machine_step(m), EMU_EVENT);
    assert_int_equal(m->result.event, event);
}

static inline void expect_done(struct machine *m)
{
    assert_int_equal(machine_step(m), EMU_DONE);
}

static inline void expect_unsupported(struct machine *m)
{
    assert_int_equal(machine_step(m), EMU_UNSUPPORTED);
}

static inline void expect_access(const struct machine *m, unsigned i, uint64_t address, unsigned size,
                                 bool write)
{
    assert_true(i < m->accesses);
    assert_int_equal(m->log[i].address, address);
    assert_int_equal(m->log[i].size, size);
    assert_int_equal(m->log[i].write, write);
}

// Maps linear pages 0x200000 and on, in 4 KiB pages: to `gpa | flags`, zero for none.
static inline void machine_map(struct machine *m, unsigned page, uint64_t entry)
{
    machine_put64(m, TABLES + 0x1000, (TABLES + 0x2000) | 0x27);
    machine_put64(m, TABLES + 0x2000, 0xe7); // the first 2 MiB stay one to one
    machine_put64(m, TABLES + 0x2008, (TABLES + 0x3000) | 0x27);
    machine_put64(m, TABLES + 0x3000 + 8 * page, entry);
}
#define WINDOW_LINEAR UINT64_C(0x200000)
