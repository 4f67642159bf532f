// virtio-blk as a device of the block service.
// SPDX-License-Identifier: MIT
#include "servers/drivers/virtio-blk/disk.h"

#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/time.h"

// 5.2.3
#define F_SIZE_MAX     VIRTIO_F(1)
#define F_SEGMENTS_MAX VIRTIO_F(2)
#define F_READ_ONLY    VIRTIO_F(5)
#define F_BLOCK_SIZE   VIRTIO_F(6)
#define F_FLUSH        VIRTIO_F(9)

// 5.2.4, by words of 32 bits
enum { CONFIG_CAPACITY, CONFIG_CAPACITY_HIGH, CONFIG_SIZE_MAX, CONFIG_SEGMENTS_MAX, CONFIG_BLOCK_SIZE = 5 };
_Static_assert(DISK_CONFIG_BYTES == 4 * (CONFIG_BLOCK_SIZE + 1), "as much of it as is read");

enum { STATUS_OK_BYTE = 0, STATUS_NONE = 0xff, PATIENCE_S = 120, LOOKS = 4 };
#define PATIENCE_NS (PATIENCE_S * NS_PER_S)
#define BIT(n)      (UINT64_C(1) << (n))

static const uint32_t types[BLOCK_OPS] = {[BLOCK_READ] = 0, [BLOCK_WRITE] = 1, [BLOCK_FLUSH] = 4};

// Requests are cut by pages.
static const char *judge(const struct host_function *f, const uint32_t *config)
{
    if ((f->features & F_SIZE_MAX) && config[CONFIG_SIZE_MAX] < BLOCK_PAGE)
        return "it takes no pages at once";
    if ((f->features & F_SEGMENTS_MAX) && config[CONFIG_SEGMENTS_MAX] < BLOCK_PAGES)
        return "it takes too few pages a request";
    if ((f->features & F_BLOCK_SIZE) && config[CONFIG_BLOCK_SIZE] != BLOCK_SECTOR)
        return "its blocks are not of 512 bytes";
    return NULL;
}

static const char *start(struct disk *d, uint32_t *config)
{
    struct host_function *f = &d->function;
    if (!host_function_reset(f))
        return "it cannot be reset";
    const char *wrong =
        host_function_agree(f, F_SIZE_MAX | F_SEGMENTS_MAX | F_READ_ONLY | F_BLOCK_SIZE | F_FLUSH);
    if (wrong)
        return wrong;
    host_function_config(f, config, DISK_CONFIG_BYTES / 4);
    wrong = judge(f, config);
    if (!wrong)
        wrong = host_function_queue(f, &d->queue, 0, DISK_PIECES_MAX);
    if (!wrong)
        host_function_begin(f);
    return wrong;
}

void disk_open(struct disk *d, struct block_disk *to)
{
    uint32_t config[DISK_CONFIG_BYTES / 4];
    const char *wrong = start(d, config);
    snprintf(to->name, sizeof to->name, "virtio-blk");
    d->dead = wrong;
    d->busy = d->lost = 0;
    to->sectors = 0;
    if (wrong) {
        log_error("the disk cannot be used: %s", wrong);
        return;
    }
    to->sectors = (uint64_t)config[CONFIG_CAPACITY_HIGH] << 32 | config[CONFIG_CAPACITY];
    to->flags = (d->function.features & F_READ_ONLY ? BLOCK_READ_ONLY : 0) |
                (d->function.features & F_FLUSH ? BLOCK_CACHED : 0);
}

static uint64_t address_of(const struct disk *d, const void *at)
{
    return d->address + (uint64_t)((const char *)at - (const char *)d->requests);
}

// Head, pages, status.
static uint32_t cut(const struct disk *d, uint32_t tag, struct host_piece *pieces)
{
    const struct block_job *job = &d->jobs[tag].job;
    struct disk_requests *r = d->requests;
    uint32_t n = 0, rest = job->sectors * BLOCK_SECTOR;
    pieces[n++] = (struct host_piece){address_of(d, &r->head[tag]), sizeof r->head[tag], false};
    for (uint32_t page = 0; rest; page++) {
        uint32_t bytes = rest < BLOCK_PAGE ? rest : BLOCK_PAGE;
        pieces[n++] = (struct host_piece){job->pages[page], bytes, job->op == BLOCK_READ};
        rest -= bytes;
    }
    pieces[n++] = (struct host_piece){address_of(d, &r->status[tag]), 1, true};
    return n;
}

// False: no room.
static bool send(struct disk *d, uint32_t tag)
{
    struct host_piece pieces[DISK_PIECES_MAX];
    const struct block_job *job = &d->jobs[tag].job;
    uint32_t count = cut(d, tag, pieces);
    d->requests->head[tag].type = types[job->op];
    d->requests->head[tag].reserved = 0;
    d->requests->head[tag].sector = job->sector;
    __atomic_store_n(&d->requests->status[tag], STATUS_NONE, __ATOMIC_RELAXED);
    if (!host_queue_add(&d->queue, (uint8_t)tag, pieces, count))
        return false;
    host_function_ring(&d->queue);
    return true;
}

bool disk_submit(void *device, uint32_t tag, const struct block_job *job)
{
    struct disk *d = device;
    d->jobs[tag].job = *job;
    d->jobs[tag].attempts = 1;
    if (d->dead) {
        d->lost |= BIT(tag);
        return true;
    }
    if (!send(d, tag))
        return false;
    if (!d->busy)
        d->give_up = deadline_in(PATIENCE_NS);
    d->busy |= BIT(tag);
    return true;
}

// The device is reset, and what it was about is sent again; but not what it has been tried for too often.
static void recover(struct disk *d, const char *why)
{
    uint32_t config[DISK_CONFIG_BYTES / 4];
    log_warning("the disk %s: it is reset", why);
    const char *wrong = start(d, config);
    d->dead = wrong;
    if (wrong)
        log_error("the disk cannot be used any more: %s", wrong);
    for (uint64_t left = d->busy; left; left &= left - 1) {
        uint32_t tag = (uint32_t)__builtin_ctzll(left);
        if (!d->dead && d->jobs[tag].attempts++ < DISK_ATTEMPTS && send(d, tag))
            continue;
        d->busy &= ~BIT(tag);
        d->lost |= BIT(tag);
    }
    d->give_up = deadline_in(PATIENCE_NS);
}

// What the device says of a request. Of a read all bytes must have come: what else is in the pages is
// others'.
static enum block_status outcome(struct disk *d, uint32_t tag, uint32_t written)
{
    const struct block_job *job = &d->jobs[tag].job;
    uint8_t status = __atomic_load_n(&d->requests->status[tag], __ATOMIC_RELAXED);
    bool whole = job->op != BLOCK_READ || written == job->sectors * BLOCK_SECTOR + 1;
    if (status == STATUS_OK_BYTE && whole)
        return BLOCK_OK;
    d->errors++;
    if (log_is_told(d->errors))
        log_error("the disk answers with status %u and %u bytes (%llu such answers)", status, written,
                  (unsigned long long)d->errors);
    return BLOCK_ERROR;
}

static bool take_lost(struct disk *d, uint32_t *tag, enum block_status *status)
{
    if (!d->lost)
        return false;
    *tag = (uint32_t)__builtin_ctzll(d->lost);
    *status = BLOCK_ERROR;
    d->lost &= d->lost - 1;
    return true;
}

// The interrupt is taken back before the last look at the ring, so that what comes behind it interrupts
// again.
bool disk_poll(void *device, uint32_t *tag, enum block_status *status)
{
    struct disk *d = device;
    for (unsigned look = 0; !d->dead && look < LOOKS; look++) {
        uint8_t ended;
        uint32_t written;
        enum host_queue_result got = host_queue_take(&d->queue, &ended, &written);
        if (got == HOST_QUEUE_ENTRY) {
            *tag = ended;
            *status = outcome(d, ended, written);
            d->busy &= ~BIT(ended);
            d->give_up = deadline_in(PATIENCE_NS);
            return true;
        }
        uint32_t interrupt = got == HOST_QUEUE_LIE ? 0 : host_function_interrupt(&d->function);
        if (got == HOST_QUEUE_LIE)
            recover(d, "reports requests that cannot be");
        else if (host_function_gave_up(&d->function, interrupt))
            recover(d, "gave up");
        else if (d->busy && now() >= d->give_up)
            recover(d, "does not answer");
        else if (!interrupt)
            break;
    }
    return take_lost(d, tag, status);
}

uint64_t disk_deadline(void *device)
{
    const struct disk *d = device;
    return d->lost ? now() : d->busy ? d->give_up : DEADLINE_NONE;
}
