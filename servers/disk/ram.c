// A back-end in memory.
// SPDX-License-Identifier: MIT
#include "servers/disk/ram.h"

#include <string.h>

#include "servers/common/copy.h"

static const uint8_t zeros[DISK_BLOCK];

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// ---- where bytes are ----

static uint8_t *own(const struct ram *r, uint32_t entry)
{
    return r->blocks + (uint64_t)(entry - RAM_OWN) * DISK_BLOCK;
}

// Of what the base says: *bytes is cut to what lies in one place.
static const uint8_t *base_at(const struct ram *r, uint64_t offset, uint64_t *bytes)
{
    if (offset < r->plan.base_bytes) {
        *bytes = least(*bytes, r->plan.base_bytes - offset);
        return r->plan.base + offset;
    }
    *bytes = least(*bytes, DISK_BLOCK);
    return zeros;
}

static const uint8_t *source(const struct ram *r, uint64_t offset, uint64_t *bytes)
{
    if (!r->map)
        return r->plan.data ? r->plan.data + offset : base_at(r, offset, bytes);
    uint64_t in_block = offset % DISK_BLOCK;
    uint32_t entry = r->map[offset / DISK_BLOCK];
    *bytes = least(*bytes, DISK_BLOCK - in_block);
    return entry == RAM_BASE   ? base_at(r, offset, bytes)
           : entry == RAM_ZERO ? zeros
                               : own(r, entry) + in_block;
}

// ---- blocks over the base ----

static void set_entry(struct ram *r, uint64_t block, uint32_t entry)
{
    uint32_t old = r->map[block];
    __atomic_store_n(&r->map[block], entry, __ATOMIC_RELEASE);
    if (old >= RAM_OWN) {
        r->free[r->free_count++] = old - RAM_OWN;
        r->full = false;
    }
}

static void copy_whole(const struct ram *r, uint64_t block, uint8_t *to)
{
    for (uint64_t done = 0, bytes; done < DISK_BLOCK; done += bytes) {
        bytes = DISK_BLOCK - done;
        const uint8_t *from = source(r, block * DISK_BLOCK + done, &bytes);
        copy_bytes(to + done, from, bytes);
    }
}

static bool is_full(struct ram *r)
{
    if (r->free_count)
        return false;
    bool begins = !r->full;
    r->full = true;
    r->fulls += begins;
    if (begins && !(r->fulls & (r->fulls - 1)) && r->plan.full) // who fills it again and again fills no log
        r->plan.full(r->plan.who);
    return true;
}

static bool write_new_block(struct ram *r, uint64_t offset, struct virtq_stream *from, uint64_t bytes)
{
    if (is_full(r))
        return false;
    uint32_t number = r->free[--r->free_count];
    uint8_t *at = r->blocks + (uint64_t)number * DISK_BLOCK;
    if (bytes < DISK_BLOCK)
        copy_whole(r, offset / DISK_BLOCK, at);
    at += offset % DISK_BLOCK;
    uint64_t piece;
    for (const uint8_t *p; (p = virtq_stream_span(from, bytes, &piece)); at += piece, bytes -= piece)
        copy_bytes(at, p, piece);
    set_entry(r, offset / DISK_BLOCK, RAM_OWN + number);
    return true;
}

// ---- requests ----

static enum blk_status do_read(const struct ram *r, uint64_t offset, struct virtq_stream *to)
{
    uint64_t piece, bytes;
    for (uint8_t *at; (at = virtq_stream_span(to, UINT64_MAX, &piece));)
        for (; piece; piece -= bytes, at += bytes, offset += bytes) {
            bytes = piece;
            const uint8_t *from = source(r, offset, &bytes);
            copy_bytes(at, from, bytes);
        }
    return BLK_S_OK;
}

static void write_in_place(uint8_t *to, struct virtq_stream *from, uint64_t bytes)
{
    uint64_t piece;
    for (const uint8_t *at; (at = virtq_stream_span(from, bytes, &piece)); to += piece, bytes -= piece)
        copy_bytes(to, at, piece);
}

static enum blk_status do_write(struct ram *r, uint64_t offset, struct virtq_stream *from)
{
    if (!r->map) {
        write_in_place(r->plan.data + offset, from, from->bytes);
        return BLK_S_OK;
    }
    for (uint64_t bytes; from->bytes; offset += bytes) {
        bytes = least(from->bytes, DISK_BLOCK - offset % DISK_BLOCK);
        uint32_t entry = r->map[offset / DISK_BLOCK];
        if (entry >= RAM_OWN)
            write_in_place(own(r, entry) + offset % DISK_BLOCK, from, bytes);
        else if (!write_new_block(r, offset, from, bytes))
            return BLK_S_IOERR;
    }
    return BLK_S_OK;
}

static enum blk_status zero_part(struct ram *r, uint64_t offset, uint64_t bytes)
{
    uint32_t entry = r->map[offset / DISK_BLOCK];
    if (entry >= RAM_OWN)
        zero_bytes(own(r, entry) + offset % DISK_BLOCK, bytes);
    else if (entry == RAM_BASE) {
        struct virtq_segment segment = {(uint8_t *)(uintptr_t)zeros, bytes};
        struct virtq_stream from = {&segment, 1, bytes};
        return write_new_block(r, offset, &from, bytes) ? BLK_S_OK : BLK_S_IOERR;
    }
    return BLK_S_OK;
}

// Whole blocks are given back; parts of blocks are left alone by DISCARD.
static enum blk_status clear_range(struct ram *r, uint64_t offset, uint64_t bytes, bool discard)
{
    if (!r->map) {
        if (!discard)
            zero_bytes(r->plan.data + offset, bytes);
        return BLK_S_OK;
    }
    enum blk_status result = BLK_S_OK;
    for (uint64_t part; bytes && result == BLK_S_OK; offset += part, bytes -= part) {
        part = least(bytes, DISK_BLOCK - offset % DISK_BLOCK);
        if (part == DISK_BLOCK)
            set_entry(r, offset / DISK_BLOCK, RAM_ZERO);
        else if (!discard)
            result = zero_part(r, offset, part);
    }
    return result;
}

static enum blk_status do_clear(struct ram *r, const struct disk_request *q)
{
    enum blk_status result = BLK_S_OK;
    for (uint32_t i = 0; i < q->ranges && result == BLK_S_OK; i++)
        result = clear_range(r, q->range[i].sector * BLK_SECTOR, (uint64_t)q->range[i].sectors * BLK_SECTOR,
                             q->op == DISK_DISCARD);
    return result;
}

static bool start(struct backend *b, struct disk_request *q)
{
    struct ram *r = (struct ram *)b;
    uint64_t offset = q->sector * BLK_SECTOR;
    enum blk_status result = BLK_S_OK;
    switch (q->op) {
    case DISK_READ: result = do_read(r, offset, q->data); break;
    case DISK_WRITE: result = do_write(r, offset, q->data); break;
    case DISK_DISCARD:
    case DISK_ZERO: result = do_clear(r, q); break;
    case DISK_FLUSH: // it lasts already
    case DISK_OPS: break;
    }
    q->result = (uint8_t)result;
    return true;
}

// ---- at the start ----

// A free block is one that no entry has.
static bool find_free(struct ram *r)
{
    uint32_t *list = r->free;
    memset(list, 0, r->block_count * sizeof *list);
    for (uint32_t i = 0; i < r->map_entries; i++) {
        uint32_t entry = r->map[i], number = entry - RAM_OWN;
        if (entry < RAM_OWN)
            continue;
        if (number >= r->block_count || list[number])
            return false;
        list[number] = true;
    }
    for (uint32_t i = 0; i < r->block_count; i++)
        if (!list[i])
            list[r->free_count++] = i; // behind which the marks were read already
    return true;
}

bool ram_open(struct ram *r, const struct ram_plan *plan)
{
    static const struct backend_ops ops = {.start = start};
    *r = (struct ram){.backend.ops = &ops, .plan = *plan};
    if (!plan->base || !plan->data)
        return true;
    uint8_t *list = plan->data + disk_map_bytes(plan->bytes);
    r->map = (uint32_t *)(void *)plan->data;
    r->map_entries = (uint32_t)disk_blocks(plan->bytes);
    r->free = (uint32_t *)(void *)list;
    r->blocks = list + disk_map_bytes(plan->space);
    r->block_count = (uint32_t)(plan->space / DISK_BLOCK);
    return find_free(r);
}
