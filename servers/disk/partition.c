// A back-end in a partition of a host's disk.
// SPDX-License-Identifier: MIT
#include "servers/disk/partition.h"

#include <string.h>

#include "libipc/log.h"
#include "servers/common/copy.h"

enum { PIECE_PAGES = 16, PIECE_BYTES = PIECE_PAGES * BLOCK_PAGE, MAP_SLOT = 0 };

static const char *const status_texts[] = {[BLOCK_OK] = "good",
                                           [BLOCK_ERROR] = "the host's disk reports an error",
                                           [BLOCK_RANGE] = "it is beyond the partition",
                                           [BLOCK_REFUSED] = "the partition cannot be written"};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static const char *status_text(enum block_status s)
{
    return s <= BLOCK_REFUSED ? status_texts[s] : "the driver answers nonsense";
}

static uint32_t slot_of(const struct partition *p, const struct partition_job *j)
{
    return (uint32_t)(j - p->job);
}

static bool owns(const struct partition *p, uint64_t block)
{
    return !p->plan.has_base || overlay_owns(&p->plan.overlay, block);
}

static uint64_t sector_at(const struct partition *p, uint64_t offset)
{
    uint64_t sector = offset / BLOCK_SECTOR;
    return p->plan.has_base ? overlay_data_at(&p->plan.overlay, sector) : sector;
}

// ---- the end of a job ----

static void end(struct partition *p, struct partition_job *j, enum blk_status result)
{
    struct disk_request *r = j->request;
    j->request = NULL;
    if (p->flushing == j)
        p->flushing = NULL;
    if (!r)
        return;
    r->result = (uint8_t)result;
    backend_done(&p->backend, r);
}

static void fail_job(struct partition *p, struct partition_job *j, enum block_status why)
{
    static const char *const names[DISK_OPS] = {"reading", "writing", "a flush", "discarding", "zeroing"};
    p->errors++;
    if (j->request && !(p->errors & (p->errors - 1))) // a guest that goes on trying fills no log
        log_error("%s: %s at sector %llu fails: %s", p->plan.name, names[j->request->op],
                  (unsigned long long)(j->offset / BLOCK_SECTOR), status_text(why));
    end(p, j, BLK_S_IOERR);
}

// ---- pieces ----

// How many bytes from the job's next on are alike, all the disk's own or all the base's: a piece at most.
static uint64_t alike(const struct partition *p, const struct partition_job *j)
{
    uint64_t end_of = j->offset + least(j->left, PIECE_BYTES - j->offset % DISK_BLOCK);
    uint64_t block = j->offset / DISK_BLOCK;
    bool own = owns(p, block);
    while (++block * DISK_BLOCK < end_of && owns(p, block) == own)
        ;
    return least(end_of, block * DISK_BLOCK) - j->offset;
}

// Another job makes some of these blocks the disk's own.
static bool contended(const struct partition *p, const struct partition_job *mine, uint64_t first,
                      uint64_t bytes)
{
    for (const struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
        if (j != mine && j->busy && j->first && first < j->offset + j->bytes && j->offset < first + bytes)
            return true;
    return false;
}

static bool take_pages(struct partition *p, struct partition_job *j, uint64_t *bytes)
{
    uint64_t pages = (*bytes + BLOCK_PAGE - 1) / BLOCK_PAGE;
    uint32_t got = channel_pages(&p->channel, slot_of(p, j), (uint32_t)pages);
    *bytes = least(*bytes, (uint64_t)got * BLOCK_PAGE);
    return got;
}

static void submit(struct partition *p, struct partition_job *j, enum block_op op, uint64_t sector,
                   uint64_t bytes)
{
    j->busy = true;
    channel_submit(&p->channel, slot_of(p, j), op, sector, (uint32_t)bytes);
}

static void copy_to_guest(struct disk_request *r, const uint8_t *from, uint64_t bytes)
{
    uint64_t piece;
    for (uint8_t *at; (at = virtq_stream_span(r->data, bytes, &piece)); from += piece, bytes -= piece)
        copy_bytes(at, from, piece);
}

static void copy_from_guest(struct disk_request *r, uint8_t *to, uint64_t bytes)
{
    uint64_t piece;
    if (r->op == DISK_ZERO)
        zero_bytes(to, bytes);
    else
        for (const uint8_t *at; (at = virtq_stream_span(r->data, bytes, &piece)); to += piece, bytes -= piece)
            copy_bytes(to, at, piece);
}

static void read_base(const struct partition *p, struct partition_job *j, uint64_t bytes)
{
    uint64_t piece;
    for (uint8_t *at; (at = virtq_stream_span(j->request->data, bytes, &piece)); bytes -= piece) {
        overlay_copy_base(&p->plan.overlay, j->offset, at, piece);
        j->offset += piece;
        j->left -= piece;
    }
}

// True: something was done.
static bool read_piece(struct partition *p, struct partition_job *j)
{
    uint64_t bytes = alike(p, j);
    if (!owns(p, j->offset / DISK_BLOCK)) {
        read_base(p, j, bytes);
        return true;
    }
    if (!take_pages(p, j, &bytes))
        return false;
    j->bytes = bytes;
    submit(p, j, BLOCK_READ, sector_at(p, j->offset), bytes);
    return true;
}

static bool write_own_piece(struct partition *p, struct partition_job *j, uint64_t bytes)
{
    if (!take_pages(p, j, &bytes))
        return false;
    copy_from_guest(j->request, channel_at(&p->channel, slot_of(p, j)), bytes);
    j->bytes = bytes;
    submit(p, j, BLOCK_WRITE, sector_at(p, j->offset), bytes);
    return true;
}

// Whole blocks; what the guest does not write of them comes from the base.
static bool write_first_piece(struct partition *p, struct partition_job *j, uint64_t bytes)
{
    uint64_t head = j->offset % DISK_BLOCK, begin = j->offset - head;
    uint64_t whole = disk_blocks(head + bytes) * DISK_BLOCK;
    if (p->flushing || contended(p, j, begin, whole) || !take_pages(p, j, &whole))
        return false;
    bytes = least(bytes, whole - head);
    uint8_t *at = channel_at(&p->channel, slot_of(p, j));
    overlay_copy_base(&p->plan.overlay, begin, at, head);
    copy_from_guest(j->request, at + head, bytes);
    overlay_copy_base(&p->plan.overlay, j->offset + bytes, at + head + bytes, whole - head - bytes);
    j->first = true;
    j->bytes = bytes;
    submit(p, j, BLOCK_WRITE, sector_at(p, begin), whole);
    return true;
}

static bool write_piece(struct partition *p, struct partition_job *j)
{
    uint64_t bytes = alike(p, j);
    return owns(p, j->offset / DISK_BLOCK) ? write_own_piece(p, j, bytes) : write_first_piece(p, j, bytes);
}

static void own_blocks(struct partition *p, const struct partition_job *j)
{
    for (uint64_t b = j->offset / DISK_BLOCK; b * DISK_BLOCK < j->offset + j->bytes; b++)
        overlay_own(&p->plan.overlay, b);
}

// ---- flushes ----

static bool first_writes_under_way(const struct partition *p)
{
    for (const struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
        if (j->busy && j->first)
            return true;
    return false;
}

static bool map_is_dirty(const struct partition *p)
{
    return p->plan.has_base && overlay_dirty(&p->plan.overlay, 0) < p->plan.overlay.pages;
}

// The map is one flush's alone; first writes that are under way end before, new ones begin behind it.
static bool flush_blocks(struct partition *p, struct partition_job *j)
{
    if (map_is_dirty(p) && p->flushing != j) {
        if (p->flushing)
            return false;
        p->flushing = j;
    }
    if (p->flushing == j && first_writes_under_way(p))
        return false;
    submit(p, j, BLOCK_FLUSH, 0, 0);
    return true;
}

static bool write_map_page(struct partition *p, struct partition_job *j)
{
    uint64_t bytes = DISK_BLOCK;
    if (!take_pages(p, j, &bytes))
        return false;
    overlay_store(&p->plan.overlay, j->page, channel_at(&p->channel, slot_of(p, j)));
    submit(p, j, BLOCK_WRITE, overlay_map_at(j->page), DISK_BLOCK);
    return true;
}

static void clean_map(struct partition *p)
{
    memset(p->plan.overlay.dirty, 0, p->plan.overlay.pages);
}

// ---- jobs ----

static bool next_range(struct partition_job *j)
{
    const struct disk_request *r = j->request;
    if (r->op != DISK_ZERO || j->range == r->ranges)
        return false;
    j->offset = r->range[j->range].sector * BLOCK_SECTOR;
    j->left = (uint64_t)r->range[j->range++].sectors * BLOCK_SECTOR;
    return true;
}

static bool step_data(struct partition *p, struct partition_job *j)
{
    if (j->left)
        return j->request->op == DISK_READ ? read_piece(p, j) : write_piece(p, j);
    if (next_range(j))
        return true;
    if (j->request->through)
        j->phase = JOB_FLUSH_FIRST;
    else
        end(p, j, BLK_S_OK);
    return true;
}

static bool step_map(struct partition *p, struct partition_job *j)
{
    j->page = overlay_dirty(&p->plan.overlay, j->page);
    if (j->page < p->plan.overlay.pages)
        return write_map_page(p, j);
    j->phase = JOB_FLUSH_LAST;
    return true;
}

// Does the next thing, if it can be done now.
static bool step(struct partition *p, struct partition_job *j)
{
    if (!j->request || j->busy)
        return false;
    switch (j->phase) {
    case JOB_DATA: return step_data(p, j);
    case JOB_FLUSH_FIRST: return flush_blocks(p, j);
    case JOB_MAP: return step_map(p, j);
    case JOB_FLUSH_LAST: submit(p, j, BLOCK_FLUSH, 0, 0); return true;
    }
    return false;
}

static void piece_done(struct partition *p, struct partition_job *j)
{
    struct disk_request *r = j->request;
    if (r && r->op == DISK_READ)
        copy_to_guest(r, channel_at(&p->channel, slot_of(p, j)), j->bytes);
    if (j->first)
        own_blocks(p, j);
    j->first = false;
    j->offset += j->bytes;
    j->left -= j->bytes;
}

static void advance(struct partition *p, struct partition_job *j)
{
    switch (j->phase) {
    case JOB_DATA: piece_done(p, j); break;
    case JOB_FLUSH_FIRST:
        if (p->flushing == j) {
            j->phase = JOB_MAP;
            j->page = 0;
        } else {
            end(p, j, BLK_S_OK);
        }
        break;
    case JOB_MAP: j->page++; break;
    case JOB_FLUSH_LAST:
        clean_map(p);
        end(p, j, BLK_S_OK);
        break;
    }
}

// The guest does not hear of it any more, but the disk has it.
static void orphan_done(struct partition *p, struct partition_job *j, enum block_status status)
{
    if (j->first && status == BLOCK_OK)
        own_blocks(p, j);
    if (p->flushing == j)
        p->flushing = NULL;
}

static bool collect(struct partition *p, struct partition_job *j)
{
    enum block_status status;
    uint32_t slot = slot_of(p, j);
    if (!j->busy || !channel_ended(&p->channel, slot, &status))
        return false;
    j->busy = false;
    if (!j->request)
        orphan_done(p, j, status);
    else if (status == BLOCK_OK)
        advance(p, j);
    else
        fail_job(p, j, status);
    j->first = false;
    channel_free(&p->channel, slot);
    return true;
}

static void run(struct partition *p)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
            while (collect(p, j) || step(p, j))
                moved = true;
    }
}

// ---- the beginning ----

static void give_up(struct partition *p, const char *why)
{
    log_error("partition %s: %s: all requests fail", p->plan.name, why);
    p->state = PARTITION_FAILED;
    for (struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
        if (j->request)
            end(p, j, BLK_S_IOERR);
}

// Pieces of the beginning go through the first slot.
static void transfer(struct partition *p, enum partition_state state, enum block_op op, uint64_t sector)
{
    p->state = state;
    channel_submit(&p->channel, MAP_SLOT, op, sector, op == BLOCK_FLUSH ? 0 : DISK_BLOCK);
}

static void become_ready(struct partition *p)
{
    if (p->plan.has_base)
        *p->plan.overlay.loaded = true;
    channel_free(&p->channel, MAP_SLOT);
    p->state = PARTITION_READY;
}

static void begin(struct partition *p)
{
    if (p->channel.shared->sectors * BLOCK_SECTOR < disk_partition_bytes(p->plan.size, p->plan.has_base)) {
        log_error("partition %s has %llu KiB, the disk wants %llu", p->plan.name,
                  (unsigned long long)(p->channel.shared->sectors * BLOCK_SECTOR >> 10),
                  (unsigned long long)(disk_partition_bytes(p->plan.size, p->plan.has_base) >> 10));
        give_up(p, "it is too small");
    } else if (!p->plan.has_base || *p->plan.overlay.loaded) {
        become_ready(p);
    } else {
        (void)channel_pages(&p->channel, MAP_SLOT, 1);
        transfer(p, PARTITION_HEADER, BLOCK_READ, 0);
    }
}

static void read_map(struct partition *p)
{
    transfer(p, PARTITION_MAP, BLOCK_READ, overlay_map_at(p->page));
}

static void judge_header(struct partition *p)
{
    uint8_t *at = channel_at(&p->channel, MAP_SLOT);
    switch (overlay_judge(&p->plan.overlay, at)) {
    case OVERLAY_NEW: {
        struct overlay_header h = overlay_header(&p->plan.overlay);
        zero_bytes(at, DISK_BLOCK);
        memcpy(at, &h, sizeof h);
        transfer(p, PARTITION_FORMAT, BLOCK_WRITE, 0);
        break;
    }
    case OVERLAY_GOOD: read_map(p); break;
    case OVERLAY_OTHER: give_up(p, "what is in it was not written over this base"); break;
    }
}

static void take_map(struct partition *p)
{
    if (!overlay_load(&p->plan.overlay, p->page, channel_at(&p->channel, MAP_SLOT)))
        give_up(p, "its map is damaged");
    else if (++p->page < p->plan.overlay.pages)
        read_map(p);
    else
        become_ready(p);
}

static void transferred(struct partition *p)
{
    enum block_status status;
    if (!channel_ended(&p->channel, MAP_SLOT, &status))
        return;
    if (status != BLOCK_OK) {
        give_up(p, status_text(status));
        return;
    }
    switch (p->state) {
    case PARTITION_HEADER: judge_header(p); break;
    case PARTITION_FORMAT: transfer(p, PARTITION_FORMATTED, BLOCK_FLUSH, 0); break;
    case PARTITION_FORMATTED: read_map(p); break;
    case PARTITION_MAP: take_map(p); break;
    case PARTITION_WAITS:
    case PARTITION_READY:
    case PARTITION_FAILED: break;
    }
}

// ---- for blk.c ----

static void stir(struct backend *b)
{
    struct partition *p = (struct partition *)b;
    enum block_presence presence = channel_presence(&p->channel);
    if (presence == BLOCK_ABSENT && p->state != PARTITION_FAILED)
        give_up(p, "it is not there");
    if (p->state == PARTITION_WAITS && presence == BLOCK_PRESENT)
        begin(p);
    else if (p->state > PARTITION_WAITS && p->state < PARTITION_READY)
        transferred(p);
    if (p->state >= PARTITION_READY)
        run(p);
}

static struct partition_job *free_job(struct partition *p)
{
    for (struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
        if (!j->request && !j->busy)
            return j;
    return NULL;
}

// What was forgotten ends before anything new begins, which it might overtake.
static bool has_orphans(const struct partition *p)
{
    for (const struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++)
        if (!j->request && j->busy)
            return true;
    return false;
}

static bool ready(struct backend *b)
{
    struct partition *p = (struct partition *)b;
    return p->state == PARTITION_FAILED || (p->state == PARTITION_READY && free_job(p) && !has_orphans(p));
}

static bool start(struct backend *b, struct disk_request *r)
{
    struct partition *p = (struct partition *)b;
    if (p->state == PARTITION_FAILED) {
        r->result = BLK_S_IOERR;
        return true;
    }
    if (r->op == DISK_DISCARD) // a hint
        return true;
    struct partition_job *j = free_job(p);
    *j = (struct partition_job){.request = r,
                                .phase = r->op == DISK_FLUSH ? JOB_FLUSH_FIRST : JOB_DATA,
                                .offset = r->sector * BLOCK_SECTOR,
                                .left = r->op == DISK_READ || r->op == DISK_WRITE ? r->data->bytes : 0};
    while (step(p, j))
        ;
    if (j->request == r)
        virtq_handed_on(r->queue, r->chain.position);
    return false;
}

static void forget(struct backend *b, struct virtqueue *q)
{
    struct partition *p = (struct partition *)b;
    for (struct partition_job *j = p->job; j < p->job + BLOCK_REQUESTS; j++) {
        if (!j->request || j->request->queue != q)
            continue;
        j->request = NULL;
        if (p->flushing == j && !j->busy)
            p->flushing = NULL;
    }
}

void partition_open(struct partition *p, const struct partition_plan *plan, struct block_channel *channel,
                    uint8_t *buffer)
{
    static const struct backend_ops ops = {.start = start, .forget = forget, .ready = ready, .stir = stir};
    *p = (struct partition){.backend.ops = &ops, .plan = *plan};
    if (plan->has_base)
        overlay_open(&p->plan.overlay, plan->memory);
    channel_open(&p->channel, channel, buffer);
}
