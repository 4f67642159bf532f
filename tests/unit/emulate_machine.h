// A vCPU with a little RAM and one device for the tests of the emulator.
// SPDX-License-Identifier: MIT
//
// The device is memory: it keeps what is written, so that an instruction has the same effect on it as on RAM.
// With `restarts`, each access is performed while the emulator is dead: all that goes on is the vCPU's state
// and the progress, copied.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/vmm/emulate/control.h"
#include "servers/vmm/emulate/decode.h"
#include "servers/vmm/emulate/emulate.h"
#include "servers/vmm/emulate/x86.h"

enum {
    RAM_BYTES = 1 << 20,
    ROM_BYTES = 1 << 12, // at the end of RAM
    CODE = 0x10000,
    TABLES = 0x80000,
    DEVICE = 0x40000000, // in the second GiB of the identity map
    DEVICE_BYTES = 0x4000,
    LOG_ENTRIES = 64,
};

struct machine {
    struct vcpu_state cpu;
    struct emu_env env;
    struct emu_cache cache;
    struct emu_progress progress;
    struct emu_result result;
    uint8_t vector[EMU_VECTOR_MMX + 8][EMU_VECTOR_BYTES];
    uint8_t device[DEVICE_BYTES];
    uint64_t port_value;
    unsigned vector_sets;
    bool restarts;
    unsigned accesses;
    struct vcpu_access log[LOG_ENTRIES];
    uint8_t *ram;
};

static inline void *machine_ram(void *ctx, uint64_t gpa, size_t length, bool write)
{
    struct machine *m = ctx;
    if (gpa >= RAM_BYTES || length > RAM_BYTES - gpa)
        return NULL;
    return write && gpa + length > RAM_BYTES - ROM_BYTES ? NULL : m->ram + gpa;
}

static inline void machine_vector_get(void *ctx, unsigned index, uint8_t value[EMU_VECTOR_BYTES])
{
    memcpy(value, ((struct machine *)ctx)->vector[index], EMU_VECTOR_BYTES);
}

static inline void machine_vector_set(void *ctx, unsigned index, const uint8_t value[EMU_VECTOR_BYTES])
{
    struct machine *m = ctx;
    memcpy(m->vector[index], value, EMU_VECTOR_BYTES);
    m->vector_sets++;
}

static inline void machine_put(struct machine *m, uint64_t gpa, const void *bytes, size_t length)
{
    memcpy(m->ram + gpa, bytes, length);
}

static inline void machine_put64(struct machine *m, uint64_t gpa, uint64_t value)
{
    machine_put(m, gpa, &value, sizeof(value));
}

static inline uint64_t machine_get64(const struct machine *m, uint64_t gpa)
{
    uint64_t value;
    memcpy(&value, m->ram + gpa, sizeof(value));
    return value;
}

static inline struct machine *machine_new(void)
{
    struct machine *m = calloc(1, sizeof(*m));
    m->ram = aligned_alloc(4096, RAM_BYTES);
    memset(m->ram, 0, RAM_BYTES);
    m->env = (struct emu_env){.ctx = m,
                              .ram = machine_ram,
                              .vector_get = machine_vector_get,
                              .vector_set = machine_vector_set,
                              .cache = &m->cache,
                              .physical_bits = 40,
                              .gigabyte_pages = true};
    return m;
}

static inline void machine_free(struct machine *m)
{
    free(m->ram);
    free(m);
}

static inline void machine_flat_segments(struct machine *m, uint16_t code, uint16_t data)
{
    for (unsigned i = 0; i < SEG_COUNT; i++)
        m->cpu.seg[i] = (struct vcpu_segment){.selector = 0x10, .attributes = data, .limit = UINT32_MAX};
    m->cpu.seg[SEG_CS].attributes = code;
}

// Ring 0, 64-bit code, four GiB mapped one to one by 1 GiB pages that users may use.
static inline void machine_long(struct machine *m)
{
    m->cpu = (struct vcpu_state){.rip = CODE,
                                 .rflags = 2,
                                 .cr0 = CR0_PE | CR0_PG | CR0_WP,
                                 .cr3 = TABLES,
                                 .cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE,
                                 .efer = EFER_LMA | EFER_NXE | 0x100};
    machine_flat_segments(m, 0xa9b, 0xc93);
    machine_put64(m, TABLES, (TABLES + 0x1000) | 0x27);
    for (unsigned i = 0; i < 4; i++)
        machine_put64(m, TABLES + 0x1000 + 8 * i, (uint64_t)i << 30 | 0xe7);
}

// Ring 0, flat 32-bit code without paging.
static inline void machine_protected(struct machine *m)
{
    m->cpu = (struct vcpu_state){.rip = CODE, .rflags = 2, .cr0 = CR0_PE, .cr4 = CR4_OSFXSR};
    machine_flat_segments(m, 0xc9b, 0xc93);
}

static inline void machine_real(struct machine *m)
{
    m->cpu = (struct vcpu_state){.rip = 0x100, .rflags = 2};
    for (unsigned i = 0; i < SEG_COUNT; i++)
        m->cpu.seg[i] = (struct vcpu_segment){.attributes = 0x93, .limit = 0xffff};
    m->cpu.seg[SEG_CS] =
        (struct vcpu_segment){.selector = CODE >> 4, .attributes = 0x9b, .limit = 0xffff, .base = CODE};
}

static inline uint64_t machine_device(struct machine *m, const struct vcpu_access *access)
{
    uint64_t value = 0;
    if (m->accesses < LOG_ENTRIES)
        m->log[m->accesses] = *access;
    m->accesses++;
    if (access->space == ACCESS_PORT)
        return m->port_value;
    if (access->address < DEVICE || access->address + access->size > DEVICE + DEVICE_BYTES)
        return ~UINT64_C(0);
    uint8_t *at = m->device + (access->address - DEVICE);
    if (access->write)
        memcpy(at, &access->value, access->size);
    else
        memcpy(&value, at, access->size);
    return value;
}

static inline void machine_restart(struct machine *m)
{
    emu_cache_reset(&m->cache);
    memset(&m->result, 0xee, sizeof(m->result));
}

// Runs one instruction (of a repeated one: one iteration) with all its accesses; until it completes, no state
// changes. Returns the last result's kind, which is EMU_DONE too when a write completed it.
static inline enum emu_kind machine_step(struct machine *m)
{
    struct vcpu_state before = m->cpu;
    m->accesses = 0;
    emu_start(&m->cpu, &m->env, &m->progress, &m->result);
    while (m->result.kind == EMU_ACCESS) {
        struct vcpu_access access = m->result.access;
        bool complete = m->result.complete;
        uint64_t value = machine_device(m, &access);
        if (complete)
            return EMU_DONE;
        assert_memory_equal(&m->cpu, &before, sizeof(before));
        if (m->restarts)
            machine_restart(m);
        emu_resume(&m->cpu, &m->env, &m->progress, value, &m->result);
    }
    if (m->result.kind != EMU_DONE)
        assert_memory_equal(&m->cpu, &before, sizeof(before));
    return m->result.kind;
}

// The code at CS:RIP, which is physical CODE in all the set-ups above.
static inline void machine_code(struct machine *m, const void *bytes, size_t length)
{
    memset(m->ram + CODE + m->cpu.rip % 0x1000, 0x90, 32);
    machine_put(m, CODE + m->cpu.rip % 0x1000, bytes, length);
}
