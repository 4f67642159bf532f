// A virtio block device.
// SPDX-License-Identifier: MIT
//
// A request ends in a byte that says how it went. What is malformed but for that byte ends in an error there;
// what lacks even that cannot be told anything and changes nothing.
#include "servers/disk/blk.h"

#include <string.h>

enum { DISCARD_SECTORS_MAX = 1 << 22 /* 2 GiB */, BLOCK_SECTORS = 8, UNMAP = 1 };

static struct disk *disk_of(struct virtio *v)
{
    return v->owner;
}

// ---- the end of a request ----

// 2.7.8: the bytes of the writable part that are new, from the front and without a gap. The status is its
// last.
static uint32_t written(const struct disk_request *r)
{
    uint64_t filled = r->result == BLK_S_OK ? r->filled : 0;
    return (uint32_t)(filled + (filled + 1 == r->writable));
}

static void finish(struct disk *d, struct disk_request *r)
{
    struct virtqueue *q = r->queue;
    *d->errors += r->result == BLK_S_IOERR;
    *r->status = r->result;
    r->queue = NULL;
    virtq_done(q, r->chain.position, written(r));
}

void backend_done(struct backend *b, struct disk_request *r)
{
    finish(b->owner, r);
}

static void end(struct disk *d, struct disk_request *r, enum blk_status result)
{
    r->result = (uint8_t)result;
    finish(d, r);
}

static void refuse(struct disk *d, struct disk_request *r, enum disk_refusal why)
{
    ++*d->refused[why];
    end(d, r, why == DISK_UNSUPPORTED ? BLK_S_UNSUPP : BLK_S_IOERR);
}

// ---- its beginning ----

static bool in_range(const struct disk *d, uint64_t sector, uint64_t sectors)
{
    return sector <= d->plan.sectors && sectors <= d->plan.sectors - sector;
}

static void submit(struct disk *d, struct disk_request *r, enum disk_op op)
{
    r->op = op;
    r->result = BLK_S_OK;
    ++*d->counter[op];
    if (d->backend->ops->start(d->backend, r))
        finish(d, r);
}

// Without a promise to flush the driver takes every write for lasting: 5.2.6.2.
static bool writes_through(const struct disk *d)
{
    uint64_t features = d->v->features;
    return !(features & BLK_F_FLUSH) || (features & BLK_F_CONFIG_WCE && d->state->write_through);
}

static void transfer(struct disk *d, struct disk_request *r, enum disk_op op, struct virtq_stream *data)
{
    uint64_t sectors = data->bytes / BLK_SECTOR;
    enum disk_refusal why = !sectors || data->bytes % BLK_SECTOR    ? DISK_MALFORMED
                            : !in_range(d, r->sector, sectors)      ? DISK_OUT_OF_RANGE
                            : op == DISK_WRITE && d->plan.read_only ? DISK_READ_ONLY
                                                                    : DISK_REFUSALS;
    if (why != DISK_REFUSALS) {
        refuse(d, r, why);
        return;
    }
    *(op == DISK_WRITE ? d->written_sectors : d->read_sectors) += sectors;
    r->through = op == DISK_WRITE && d->plan.volatile_writes && writes_through(d);
    r->data = data;
    r->filled = op == DISK_READ ? data->bytes : 0;
    submit(d, r, op);
}

static void get_id(struct disk *d, struct disk_request *r)
{
    r->filled = virtq_stream_put(&r->chain.writable, d->plan.serial, sizeof d->plan.serial);
    end(d, r, BLK_S_OK);
}

// All ranges are checked before the first has an effect. DISK_REFUSALS: they are good.
static enum disk_refusal read_ranges(const struct disk *d, struct disk_request *r, uint32_t flags)
{
    struct virtq_stream *from = &r->chain.readable;
    if (!from->bytes || from->bytes % sizeof r->range[0] || from->bytes > sizeof r->range)
        return DISK_MALFORMED;
    r->ranges = (uint32_t)(virtq_stream_get(from, r->range, sizeof r->range) / sizeof r->range[0]);
    for (uint32_t i = 0; i < r->ranges; i++) {
        if (r->range[i].flags & ~flags)
            return DISK_UNSUPPORTED;
        if (r->range[i].sectors > DISCARD_SECTORS_MAX ||
            !in_range(d, r->range[i].sector, r->range[i].sectors))
            return DISK_OUT_OF_RANGE;
    }
    return d->plan.read_only ? DISK_READ_ONLY : DISK_REFUSALS;
}

static void clear(struct disk *d, struct disk_request *r, enum disk_op op)
{
    enum disk_refusal why = read_ranges(d, r, op == DISK_ZERO ? UNMAP : 0);
    r->through = d->plan.volatile_writes && writes_through(d);
    if (why == DISK_REFUSALS)
        submit(d, r, op);
    else
        refuse(d, r, why);
}

static void dispatch(struct disk *d, struct disk_request *r, const struct blk_header *h)
{
    r->sector = h->sector;
    switch (h->type) {
    case BLK_T_IN: transfer(d, r, DISK_READ, &r->chain.writable); break;
    case BLK_T_OUT: transfer(d, r, DISK_WRITE, &r->chain.readable); break;
    case BLK_T_FLUSH: submit(d, r, DISK_FLUSH); break;
    case BLK_T_GET_ID: get_id(d, r); break;
    case BLK_T_DISCARD: clear(d, r, DISK_DISCARD); break;
    case BLK_T_WRITE_ZEROES: clear(d, r, DISK_ZERO); break;
    default: refuse(d, r, DISK_UNSUPPORTED);
    }
}

static void begin(struct disk *d, struct virtqueue *q, struct disk_request *r)
{
    struct blk_header h;
    r->queue = q;
    r->writable = r->chain.writable.bytes;
    r->filled = 0;
    r->status = virtq_stream_last(&r->chain.writable);
    if (!r->status) {
        ++*d->refused[DISK_MALFORMED];
        r->queue = NULL;
        virtq_done(q, r->chain.position, 0);
    } else if (r->chain.give_up) {
        end(d, r, BLK_S_IOERR);
    } else if (virtq_stream_get(&r->chain.readable, &h, sizeof h) != sizeof h) {
        refuse(d, r, DISK_MALFORMED);
    } else {
        dispatch(d, r, &h);
    }
}

static struct disk_request *free_request(const struct disk *d)
{
    for (uint32_t i = 0; i < d->plan.requests; i++)
        if (!d->request[i].queue)
            return &d->request[i];
    return NULL;
}

static void serve(struct virtio *v, struct virtqueue *q)
{
    struct disk *d = disk_of(v);
    struct backend *b = d->backend;
    struct disk_request *r;
    while ((!b->ops->ready || b->ops->ready(b)) && (r = free_request(d)) && virtq_take(q, &r->chain))
        begin(d, q, r);
}

// ---- the device ----

static void reset(struct virtio *v, struct virtqueue *q)
{
    struct disk *d = disk_of(v);
    if (!q) {
        d->state->write_through = false;
        d->config.writeback = true;
        v->changes |= VIRTIO_CHANGED_DEVICE;
        return;
    }
    if (d->backend->ops->forget)
        d->backend->ops->forget(d->backend, q);
    for (uint32_t i = 0; i < d->plan.requests; i++)
        if (d->request[i].queue == q)
            d->request[i].queue = NULL;
}

// 5.2.5: the cache's mode, a byte.
static bool configured(struct virtio *v, uint32_t offset, uint32_t bytes, uint64_t value)
{
    struct disk *d = disk_of(v);
    if (offset != offsetof(struct blk_config, writeback) || bytes != 1 || value > 1 ||
        !(v->features & BLK_F_CONFIG_WCE))
        return false;
    d->config.writeback = (uint8_t)value;
    d->state->write_through = !value;
    v->changes |= VIRTIO_CHANGED_DEVICE;
    return true;
}

static struct blk_config make_config(const struct disk_plan *p)
{
    return (struct blk_config){
        .capacity = p->sectors,
        .seg_max = DISK_QUEUE_SIZE - 2, // header and status
        .blk_size = BLK_SECTOR,
        .physical_block_exp = 3, // blocks of 4 KiB
        .min_io_size = BLOCK_SECTORS,
        .opt_io_size = BLOCK_SECTORS,
        .writeback = true,
        .num_queues = p->queues,
        .max_discard_sectors = DISCARD_SECTORS_MAX,
        .max_discard_seg = DISK_RANGES_MAX,
        .discard_sector_alignment = BLOCK_SECTORS,
        .max_write_zeroes_sectors = DISCARD_SECTORS_MAX,
        .max_write_zeroes_seg = DISK_RANGES_MAX,
        .write_zeroes_may_unmap = 1,
    };
}

static uint64_t features(const struct disk_plan *p)
{
    uint64_t f = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_TOPOLOGY | BLK_F_FLUSH;
    f |= p->read_only ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
    f |= p->volatile_writes ? BLK_F_CONFIG_WCE : 0;
    return f | (p->queues > 1 ? BLK_F_MQ : 0);
}

void disk_prepare(struct disk *d, const struct disk_plan *plan, struct disk_request *request)
{
    *d = (struct disk){.plan = *plan, .config = make_config(plan), .request = request};
    d->kind = (struct virtio_kind){.id = BLK_DEVICE,
                                   .class_code = BLK_CLASS,
                                   .queues = plan->queues,
                                   .queue_size = DISK_QUEUE_SIZE,
                                   .features = features(plan),
                                   .config_bytes = BLK_CONFIG_BYTES,
                                   .serve = serve,
                                   .reset = reset,
                                   .configured = configured};
}

void disk_open(struct disk *d, struct virtio *v, struct backend *b, struct disk_state *state)
{
    static const char *const names[DISK_OPS] = {"reads", "writes", "flushes", "discards", "zeroes"};
    static const char *const refusals[DISK_REFUSALS] = {"malformed", "out-of-range", "read-only",
                                                        "unsupported"};
    d->v = v;
    d->backend = b;
    d->state = state;
    b->owner = d;
    v->owner = d;
    v->config = &d->config;
    d->config.writeback = !state->write_through;
    for (uint32_t i = 0; i < DISK_OPS; i++)
        d->counter[i] = stats_counter(v->stats, names[i]);
    d->read_sectors = stats_counter(v->stats, "read-sectors");
    d->written_sectors = stats_counter(v->stats, "written-sectors");
    d->errors = stats_counter(v->stats, "errors");
    for (uint32_t i = 0; i < DISK_REFUSALS; i++)
        d->refused[i] = stats_counter(v->stats, refusals[i]);
}
