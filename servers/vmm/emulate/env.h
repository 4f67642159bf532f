// What the emulator asks of its surroundings.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EMU_VECTOR_BYTES = 32, EMU_VECTOR_MMX = 16 };

struct emu_cache;
struct vcpu_access;

struct emu_env {
    void *ctx;
    // Host address of guest-physical [gpa, gpa + length), which never leaves its page. NULL: MMIO. With
    // `write` NULL also means ROM: the write is reported as an access, whose route says what becomes of it.
    // The emulator keeps addresses in its cache: emu_cache_reset() when the answers change.
    void *(*ram)(void *ctx, uint64_t gpa, size_t length, bool write);
    // YMM register `index`, the XMM register in its low half. From EMU_VECTOR_MMX on: MMX registers, 8 bytes;
    // setting one also does to the x87 state what every MMX instruction does ([SDM] 1 9.5.1). Both NULL:
    // whoever cannot reach these registers gets EMU_UNSUPPORTED for instructions that move them.
    void (*vector_get)(void *ctx, unsigned index, uint8_t value[EMU_VECTOR_BYTES]);
    void (*vector_set)(void *ctx, unsigned index, const uint8_t value[EMU_VECTOR_BYTES]);
    // Performs a read at once if whoever runs the emulator can; false: it is reported. NULL: all are.
    bool (*read_own)(void *ctx, const struct vcpu_access *access, uint64_t *value);
    // Brings GROUP_SEG_SYSTEM into the state, where that comes without it: few instructions need it. NULL: it
    // is there.
    void (*fetch_system)(void *ctx);
    struct emu_cache *cache;
    uint8_t physical_bits; // as the guest's CPUID says, 32 to 52
    bool gigabyte_pages;
};
