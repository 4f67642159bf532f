// Channels of disk servers, served by a device.
// SPDX-License-Identifier: MIT
#include "servers/common/block_service.h"

#include <string.h>

#include "libipc/gpt.h"
#include "libipc/log.h"

// Every store that a client sees; tests cut the service off at them.
#ifndef BLOCK_STORE
#define BLOCK_STORE(at, value) __atomic_store_n((at), (value), __ATOMIC_RELEASE)
#endif

#define BIT(n)  (UINT64_C(1) << (n))
#define LONG(x) ((unsigned long long)(x))

enum { PAGE_SECTORS = BLOCK_PAGE / BLOCK_SECTOR, TAKEN_MAX = DRIVER_CHANNELS_MAX * BLOCK_REQUESTS };
_Static_assert(GPT_READ_SECTORS <= BLOCK_TABLE_PAGES * PAGE_SECTORS, "a table is read through its pages");

static const char *const op_names[BLOCK_OPS] = {"read", "write", "flush"};

// ---- what a client sees ----

static void set_state(struct block_request *slot, enum block_state state)
{
    BLOCK_STORE(&slot->state, (uint32_t)state);
}

static void finish(struct block_service *s, uint32_t port, uint32_t slot, enum block_status status)
{
    struct block_request *r = &s->ports[port].shared->request[slot];
    BLOCK_STORE(&r->status, (uint8_t)status);
    set_state(r, BLOCK_DONE);
    s->stirred |= BIT(port);
}

static uint64_t epoch_of(const struct block_port *p)
{
    return __atomic_load_n(&p->shared->epoch, __ATOMIC_ACQUIRE);
}

// Nothing of older epochs is under way: the slots are free from here on.
static void confirm(struct block_service *s, uint32_t port, uint64_t epoch)
{
    struct block_port *p = &s->ports[port];
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
        set_state(&p->shared->request[i], BLOCK_FREE);
    p->epoch = epoch;
    BLOCK_STORE(&p->shared->confirmed, epoch);
    s->stirred |= BIT(port);
}

// The client may write while this reads: each word is read once, and only the copy is looked at.
static struct block_request copy_request(const struct block_request *from)
{
    uint64_t words[sizeof *from / 8];
    for (unsigned i = 0; i < sizeof *from / 8; i++)
        words[i] = __atomic_load_n((const uint64_t *)from + i, __ATOMIC_RELAXED);
    struct block_request copy;
    memcpy(&copy, words, sizeof copy);
    return copy;
}

// ---- requests ----

static enum block_status check_request(const struct block_port *p, const struct block_request *r)
{
    if (r->op >= BLOCK_OPS || (r->op == BLOCK_WRITE && (p->flags & BLOCK_READ_ONLY)))
        return BLOCK_REFUSED;
    if (r->op == BLOCK_FLUSH)
        return r->bytes ? BLOCK_RANGE : BLOCK_OK;
    uint64_t sectors = r->bytes / BLOCK_SECTOR;
    if (!sectors || r->bytes % BLOCK_SECTOR || r->page >= BLOCK_PAGES ||
        r->bytes > (uint64_t)(BLOCK_PAGES - r->page) * BLOCK_PAGE)
        return BLOCK_RANGE;
    return r->sector < p->sectors && sectors <= p->sectors - r->sector ? BLOCK_OK : BLOCK_RANGE;
}

// Not the disk's mistake: the client's, or there is no such partition.
static void refuse(struct block_service *s, uint32_t port, uint32_t slot, const struct block_request *r,
                   enum block_status status)
{
    struct block_port *p = &s->ports[port];
    if (log_is_told(++p->refused))
        log_warning("'%s': refused op %u, %u bytes at sector %llu of %llu, page %u (%llu refused)",
                    p->partition, r->op, r->bytes, LONG(r->sector), LONG(p->sectors), r->page,
                    LONG(p->refused));
    finish(s, port, slot, status);
}

static void count_error(struct block_service *s, uint32_t port, const struct block_request *r)
{
    struct block_port *p = &s->ports[port];
    uint64_t errors = p->shared->errors + 1;
    BLOCK_STORE(&p->shared->errors, errors);
    if (log_is_told(errors))
        log_error("%s: %s of %u bytes at sector %llu, sector %llu of '%s', failed (%llu errors of it)",
                  s->backend.disks[p->disk].name, op_names[r->op], r->bytes, LONG(p->first + r->sector),
                  LONG(r->sector), p->partition, LONG(errors));
}

static struct block_job job_of(const struct block_port *p, const struct block_request *r)
{
    if (r->op == BLOCK_FLUSH)
        return (struct block_job){.disk = p->disk, .op = BLOCK_FLUSH};
    return (struct block_job){
        .disk = p->disk,
        .op = (enum block_op)r->op,
        .sector = p->first + r->sector,
        .sectors = r->bytes / BLOCK_SECTOR,
        .data = p->buffer.data + (size_t)r->page * BLOCK_PAGE,
        .pages = p->buffer.has_addresses ? p->buffer.pages + r->page : NULL,
    };
}

// False: the device takes no more now.
static bool submit(struct block_service *s, uint32_t port, uint32_t slot, const struct block_request *r)
{
    struct block_port *p = &s->ports[port];
    struct block_job job = job_of(p, r);
    uint32_t tag = (uint32_t)__builtin_ctzll(~s->busy);
    if (!s->backend.submit(s->backend.device, tag, &job))
        return false;
    s->busy |= BIT(tag);
    s->jobs[tag].port = (uint8_t)port;
    s->jobs[tag].slot = (uint8_t)slot;
    s->jobs[tag].request = *r;
    p->busy |= 1u << slot;
    return true;
}

static bool take(struct block_service *s, uint32_t port, uint32_t slot)
{
    const struct block_port *p = &s->ports[port];
    struct block_request r = copy_request(&p->shared->request[slot]);
    enum block_status status = p->sectors ? check_request(p, &r) : BLOCK_ERROR;
    if (status != BLOCK_OK)
        refuse(s, port, slot, &r, status);
    else if (r.op == BLOCK_FLUSH && !(p->flags & BLOCK_CACHED))
        finish(s, port, slot, BLOCK_OK); // what was written is on the disk
    else
        return submit(s, port, slot, &r);
    return true;
}

// The next slot, behind the one that was taken last, that is SUBMITTED and not yet under way.
static bool find(struct block_port *p, uint32_t *slot)
{
    for (unsigned i = 0; i < BLOCK_REQUESTS; i++) {
        *slot = (p->turn + i) % BLOCK_REQUESTS;
        if (!(p->busy >> *slot & 1) &&
            __atomic_load_n(&p->shared->request[*slot].state, __ATOMIC_ACQUIRE) == BLOCK_SUBMITTED)
            return true;
    }
    return false;
}

// One request of a port. False: the device takes no more now.
static bool look(struct block_service *s, uint32_t port)
{
    struct block_port *p = &s->ports[port];
    uint64_t epoch = epoch_of(p);
    uint32_t slot;
    if (epoch != p->epoch && !p->busy)
        confirm(s, port, epoch);
    if (epoch != p->epoch || !find(p, &slot)) {
        s->waiting &= ~BIT(port); // what is under way, or the client, will say when to look again
        return true;
    }
    if (!take(s, port, slot))
        return false;
    p->turn = slot + 1;
    return true;
}

// Ports take turns by single requests, so that none can keep the others out; a client that writes faster than
// it is refused can keep nobody here. True: there is more.
static bool take_all(struct block_service *s)
{
    uint64_t room = s->backend.depth == BLOCK_JOBS_MAX ? UINT64_MAX : BIT(s->backend.depth) - 1;
    uint64_t full = 0; // ports whose disk takes no more now: another one may
    for (unsigned i = 0; i < TAKEN_MAX; i++) {
        uint64_t waiting = s->waiting & ~full;
        if (!waiting || (s->busy & room) == room)
            return false;
        uint64_t behind = waiting & ~(BIT(s->next) - 1);
        uint32_t port = (uint32_t)__builtin_ctzll(behind ? behind : waiting);
        if (!look(s, port))
            full |= BIT(port);
        s->next = (port + 1) % DRIVER_CHANNELS_MAX;
    }
    return true;
}

// What belongs to an older epoch ends without a word: its slot is freed when the new one is confirmed.
static void end(struct block_service *s, uint32_t tag, enum block_status status)
{
    uint32_t port = s->jobs[tag].port, slot = s->jobs[tag].slot;
    struct block_port *p = &s->ports[port];
    s->busy &= ~BIT(tag);
    p->busy &= ~(1u << slot);
    if (status != BLOCK_OK)
        count_error(s, port, &s->jobs[tag].request);
    if (epoch_of(p) == p->epoch)
        finish(s, port, slot, status);
    s->waiting |= BIT(port);
}

bool block_service_serve(struct block_service *s, uint64_t ports)
{
    uint32_t tag;
    enum block_status status;
    s->waiting |= ports & (BIT(s->port_count) - 1);
    while (s->backend.poll(s->backend.device, &tag, &status))
        end(s, tag, status);
    bool more = take_all(s);
    for (; s->stirred; s->stirred &= s->stirred - 1)
        s->signal(s->context, (uint32_t)__builtin_ctzll(s->stirred));
    return more;
}

// ---- the start ----

struct table_reader {
    struct block_service *service;
    uint32_t disk;
};

static bool read_table(void *context, uint64_t sector, uint32_t sectors, void *to)
{
    const struct table_reader *reader = context;
    struct block_service *s = reader->service;
    struct block_job job = {.disk = reader->disk,
                            .op = BLOCK_READ,
                            .sector = sector,
                            .sectors = sectors,
                            .data = s->table.data,
                            .pages = s->table.has_addresses ? s->table.pages : NULL};
    uint32_t tag;
    enum block_status status;
    if (!s->backend.submit(s->backend.device, 0, &job))
        return false;
    while (!s->backend.poll(s->backend.device, &tag, &status))
        s->wait(s->context);
    memcpy(to, s->table.data, (size_t)sectors * BLOCK_SECTOR);
    return status == BLOCK_OK;
}

// A name that two disks have could be either.
static void place(struct block_port *p, const struct block_disk *disks, uint32_t disk,
                  const struct gpt *table)
{
    const struct gpt_partition *found = gpt_find(table, p->partition);
    if (!found)
        return;
    if (p->sectors) {
        log_error("%s and %s both have a partition '%s': neither is used", disks[p->disk].name,
                  disks[disk].name, p->partition);
        p->twins = true;
    }
    p->disk = disk;
    p->first = found->entry.first;
    p->sectors = gpt_sectors(found);
    p->flags = disks[disk].flags;
}

static void read_disk(struct block_service *s, uint32_t disk)
{
    static struct gpt table;
    const struct block_disk *d = &s->backend.disks[disk];
    struct table_reader reader = {s, disk};
    struct gpt_disk source = {d->name, d->sectors, read_table, &reader};
    if (!d->sectors)
        return;
    bool good = gpt_read(&table, &source);
    if (*table.warning)
        log_warning("%s", table.warning);
    if (!good)
        log_error("%s", table.error);
    else
        log_line(s->restarted ? LOG_DEBUG : LOG_INFO, "%s: %llu MiB, %u partitions", d->name,
                 LONG(d->sectors / 2048), table.count);
    for (uint32_t i = 0; good && i < s->port_count; i++)
        place(&s->ports[i], s->backend.disks, disk, &table);
}

static void open_port(struct block_service *s, uint32_t port)
{
    struct block_port *p = &s->ports[port];
    struct block_channel *c = p->shared;
    uint64_t epoch = epoch_of(p);
    if (p->twins)
        p->sectors = 0;
    else if (!p->sectors)
        log_error("there is no partition '%s'", p->partition);
    p->epoch = epoch;
    if (epoch != __atomic_load_n(&c->confirmed, __ATOMIC_RELAXED))
        confirm(s, port, epoch);
    BLOCK_STORE(&c->sectors, p->sectors);
    BLOCK_STORE(&c->flags, p->flags);
    BLOCK_STORE(&c->presence, (uint32_t)(p->sectors ? BLOCK_PRESENT : BLOCK_ABSENT));
    s->stirred |= BIT(port); // the dead driver may have owed a signal
}

void block_service_start(struct block_service *s)
{
    s->waiting = s->stirred = s->busy = 0;
    s->next = 0;
    for (uint32_t i = 0; i < s->port_count; i++) {
        struct block_port *p = &s->ports[i];
        p->busy = p->turn = p->flags = 0;
        p->sectors = p->refused = 0;
        p->twins = false;
    }
    for (uint32_t i = 0; i < s->backend.disk_count; i++)
        read_disk(s, i);
    for (uint32_t i = 0; i < s->port_count; i++)
        open_port(s, i);
}
