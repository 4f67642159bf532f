// Memory operands: resolved to pages once, then loaded and stored piece by piece.
// SPDX-License-Identifier: MIT
//
// RAM is written when the instruction completes; MMIO goes to the list of accesses in naturally aligned
// pieces of at most 8 bytes, so that no device sees an unaligned access.
#include <string.h>

#include "servers/vmm/emulate/run.h"

__attribute__((noinline)) static bool walk_failed(struct emu_run *run, enum walk_status status,
                                                  uint64_t linear, uint32_t error)
{
    if (status == WALK_BUSY)
        return retry(run);
    if (status != WALK_FAULT)
        return unsupported(run);
    run->result->fault_address = linear;
    return raise_error(run, VECTOR_PF, error);
}

bool walk_or_stop(struct emu_run *run, uint64_t linear, uint64_t access, struct walk *out)
{
    enum walk_status status = walk_linear(run->cpu, run->env, run->env->cache->hints, linear, access, out);
    return status == WALK_OK || walk_failed(run, status, linear, out->error);
}

// The first run records each translation, the later ones take it from the record.
static bool translate(struct emu_run *run, uint64_t linear, uint64_t access, struct piece *piece)
{
    struct emu_progress *progress = run->progress;
    struct walk walk;
    if (run->pages < progress->pages) {
        walk.gpa = progress->gpa[run->pages++];
        walk.host = run->env->ram(run->env->ctx, walk.gpa, piece->length, access & WALK_WRITE);
    } else {
        if (!walk_or_stop(run, linear, access, &walk))
            return false;
        if (run->pages == EMU_PAGES)
            return unsupported(run);
        progress->gpa[run->pages++] = walk.gpa;
        progress->pages = (uint8_t)run->pages;
    }
    piece->gpa = walk.gpa;
    piece->host = walk.host;
    return true;
}

static bool resolve_linear(struct emu_run *run, uint64_t linear, unsigned size, uint64_t access,
                           struct place *place)
{
    place->loaded = 0;
    uint32_t first = 4096 - (uint32_t)(linear & 0xfff);
    struct piece *piece = place->piece;
    if (first >= size) {
        piece[0].length = size;
        place->pieces = 1;
        place->whole = size <= 8 && !(size & (size - 1)) && !(linear & (size - 1));
        return translate(run, linear, access, &piece[0]);
    }
    piece[0].length = first;
    piece[1].length = size - first;
    place->pieces = 2;
    place->whole = false;
    uint64_t next = linear + first;
    if (run->mode != CODE_64)
        next = (uint32_t)next;
    return translate(run, linear, access, &piece[0]) && translate(run, next, access, &piece[1]);
}

static bool alignment_checked(const struct emu_run *run)
{
    return (run->cpu->cr0 & CR0_AM) && (run->cpu->rflags & RFLAGS_AC) && run->cpl == 3;
}

bool resolve(struct emu_run *run, unsigned segment, uint64_t offset, unsigned size, unsigned access,
             struct place *place)
{
    uint64_t linear;
    if (!linear_address(run, segment, offset, size, access & OPERAND_WRITE, &linear))
        return false;
    if (size <= 8 && (linear & (size - 1)) && alignment_checked(run))
        return raise_error(run, VECTOR_AC, 0);
    uint64_t kind = (access & OPERAND_WRITE ? WALK_WRITE : 0) | (run->cpl == 3 ? WALK_USER : 0);
    return resolve_linear(run, linear, size, kind, place);
}

// In one piece where the guest may count on that.
static void copy(void *to, const void *from, unsigned size)
{
    switch (size) {
    case 1: memcpy(to, from, 1); break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, size);
    }
}

// The largest aligned power of two at gpa that `left` bytes leave room for.
static unsigned aligned_chunk(uint64_t gpa, unsigned left)
{
    unsigned size = 1u << __builtin_ctzll(gpa | 8);
    while (size > left)
        size /= 2;
    return size;
}

static bool load_mmio(struct emu_run *run, const struct piece *piece, uint8_t *data)
{
    for (unsigned done = 0, size; done < piece->length; done += size) {
        uint64_t value, gpa = piece->gpa + done;
        size = aligned_chunk(gpa, piece->length - done);
        if (!access_read(run, ACCESS_MEMORY, gpa, size, &value))
            return false;
        copy(data + done, &value, size);
    }
    return true;
}

static bool store_mmio(struct emu_run *run, const struct piece *piece, const uint8_t *data)
{
    for (unsigned done = 0, size; done < piece->length; done += size) {
        uint64_t value = 0, gpa = piece->gpa + done;
        size = aligned_chunk(gpa, piece->length - done);
        copy(&value, data + done, size);
        if (!access_write(run, ACCESS_MEMORY, gpa, size, value))
            return false;
    }
    return true;
}

bool load(struct emu_run *run, struct place *place, void *data)
{
    uint8_t *to = data;
    for (unsigned i = 0; i < place->pieces; i++) {
        const struct piece *piece = &place->piece[i];
        if (piece->host)
            copy(to, piece->host, piece->length);
        else if (!load_mmio(run, piece, to))
            return false;
        to += piece->length;
    }
    return true;
}

bool store(struct emu_run *run, const struct place *place, const void *data)
{
    const uint8_t *from = data;
    for (unsigned i = 0; i < place->pieces; i++) {
        const struct piece *piece = &place->piece[i];
        if (!piece->host) {
            if (!store_mmio(run, piece, from))
                return false;
        } else {
            if (run->stores == RUN_STORES)
                return unsupported(run);
            struct ram_store *entry = &run->store[run->stores++];
            entry->host = piece->host;
            entry->length = piece->length;
            entry->compare = place->whole && (run->insn->flags & INSN_LOCK);
            entry->expected = place->loaded;
            copy(entry->data, from, piece->length);
        }
        from += piece->length;
    }
    return true;
}

bool load_value(struct emu_run *run, struct place *place, uint64_t *value)
{
    place->loaded = 0;
    if (place->whole && !place->piece[0].host) {
        if (!access_read(run, ACCESS_MEMORY, place->piece[0].gpa, place->piece[0].length, &place->loaded))
            return false;
    } else if (!load(run, place, &place->loaded)) {
        return false;
    }
    *value = place->loaded;
    return true;
}

bool store_value(struct emu_run *run, const struct place *place, uint64_t value)
{
    const struct piece *piece = &place->piece[0];
    if (place->whole && !piece->host)
        return access_write(run, ACCESS_MEMORY, piece->gpa, piece->length, value & size_mask(piece->length));
    return store(run, place, &value);
}

static bool exchange(struct ram_store *entry)
{
    uint8_t new8 = entry->data[0], old8 = (uint8_t)entry->expected;
    uint16_t new16, old16 = (uint16_t)entry->expected;
    uint32_t new32, old32 = (uint32_t)entry->expected;
    uint64_t new64;
    memcpy(&new16, entry->data, sizeof(new16));
    memcpy(&new32, entry->data, sizeof(new32));
    memcpy(&new64, entry->data, sizeof(new64));
    void *to = entry->host;
    switch (entry->length) {
    case 1:
        return __atomic_compare_exchange_n((uint8_t *)to, &old8, new8, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    case 2:
        return __atomic_compare_exchange_n((uint16_t *)to, &old16, new16, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    case 4:
        return __atomic_compare_exchange_n((uint32_t *)to, &old32, new32, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    default:
        return __atomic_compare_exchange_n((uint64_t *)to, &entry->expected, new64, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
}

// A locked instruction has one store. False: another processor was faster, and nothing was written.
bool commit_stores(struct emu_run *run)
{
    for (unsigned i = 0; i < run->stores; i++) {
        struct ram_store *entry = &run->store[i];
        if (!entry->compare)
            copy(entry->host, entry->data, entry->length);
        else if (!exchange(entry))
            return false;
    }
    return true;
}
