// ATA channels: commands.
// SPDX-License-Identifier: MIT
#include "servers/drivers/ata/channel.h"

#include <stdio.h>

#include "libipc/log.h"
#include "libipc/time.h"
#include "servers/drivers/ata/ports.h"
#include "servers/drivers/ata/registers.h"

#define COMMAND_MAX (10 * NS_PER_S)
#define FLUSH_MAX   (60 * NS_PER_S)
#define LOOK_FIRST  (50 * NS_PER_US)  // for the first DRQ of a write, of which no interrupt tells
#define LOOK        (100 * NS_PER_MS) // and for interrupts that were lost
#define LBA28_END   (UINT64_C(1) << 28)

enum { TRIES = 2, SECTOR_WORDS = BLOCK_SECTOR / 2, LBA28_SECTORS_MAX = 256, TEXT = 96 };

enum progress { PENDING, DONE, FAILED };

struct bit_name {
    uint8_t bit;
    const char *name;
};

static const struct bit_name error_names[] = {{ATA_ICRC, "CRC of the cable"},
                                              {ATA_UNC, "uncorrectable data"},
                                              {ATA_IDNF, "sector not found"},
                                              {ATA_ABRT, "aborted"},
                                              {0, NULL}};

void ata_select(const struct ata_channel *c, uint32_t drive, uint8_t bits)
{
    ata_out(c->ports + ATA_DEVICE, (uint8_t)(ATA_DEVICE_OBSOLETE | (drive ? ATA_DEVICE_SLAVE : 0) | bits));
    (void)ata_settled(c);
}

// Four reads of a port take 400 ns.
uint8_t ata_settled(const struct ata_channel *c)
{
    for (unsigned i = 0; i < 4; i++)
        (void)ata_in(c->control);
    return ata_in(c->control);
}

// ---- a command's beginning ----

static struct ata_drive *drive_of(struct ata_channel *c)
{
    return &c->drives[c->drive];
}

// LBA48 only where it is needed: the older commands take half as many register writes.
static bool needs_ext(const struct block_job *job)
{
    return job->sector + job->sectors > LBA28_END || job->sectors > LBA28_SECTORS_MAX;
}

static uint8_t code_of(const struct ata_drive *d, const struct block_job *job)
{
    static const uint8_t codes[2][2][2] = {
        // by direction, extended, multiple
        {{ATA_READ_SECTORS, ATA_READ_MULTIPLE}, {ATA_READ_SECTORS_EXT, ATA_READ_MULTIPLE_EXT}},
        {{ATA_WRITE_SECTORS, ATA_WRITE_MULTIPLE}, {ATA_WRITE_SECTORS_EXT, ATA_WRITE_MULTIPLE_EXT}},
    };
    if (job->op == BLOCK_FLUSH)
        return d->identity.flush_ext ? ATA_FLUSH_CACHE_EXT : ATA_FLUSH_CACHE;
    return codes[job->op == BLOCK_WRITE][needs_ext(job)][d->multiple != 0];
}

static void write_address(const struct ata_channel *c, const struct block_job *job)
{
    uint64_t lba = job->sector;
    bool ext = needs_ext(job);
    ata_select(c, c->drive, (uint8_t)(ATA_DEVICE_LBA | (ext ? 0 : lba >> 24 & 0xf)));
    if (ext) { // the registers keep two values: the upper halves first
        ata_out(c->ports + ATA_COUNT, (uint8_t)(job->sectors >> 8));
        ata_out(c->ports + ATA_LBA_LOW, (uint8_t)(lba >> 24));
        ata_out(c->ports + ATA_LBA_MID, (uint8_t)(lba >> 32));
        ata_out(c->ports + ATA_LBA_HIGH, (uint8_t)(lba >> 40));
    }
    ata_out(c->ports + ATA_COUNT, (uint8_t)job->sectors); // 256 of the older commands is 0
    ata_out(c->ports + ATA_LBA_LOW, (uint8_t)lba);
    ata_out(c->ports + ATA_LBA_MID, (uint8_t)(lba >> 8));
    ata_out(c->ports + ATA_LBA_HIGH, (uint8_t)(lba >> 16));
}

static void begin(struct ata_channel *c)
{
    const struct ata_drive *d = drive_of(c);
    bool write = c->job.op == BLOCK_WRITE;
    c->moved = 0;
    c->block = d->multiple ? d->multiple : 1;
    c->give_up = ata_after(c->job.op == BLOCK_FLUSH ? FLUSH_MAX : COMMAND_MAX);
    c->look = ata_after(write ? LOOK_FIRST : LOOK);
    write_address(c, &c->job);
    ata_out(c->ports + ATA_COMMAND, code_of(d, &c->job));
    (void)ata_settled(c);
}

static void end(struct ata_channel *c, enum block_status status)
{
    c->status = status;
    c->ended = true;
}

// ---- its progress ----

static void move_block(struct ata_channel *c)
{
    uint32_t left = c->job.sectors - c->moved, sectors = left < c->block ? left : c->block;
    uint8_t *at = c->job.data + (size_t)c->moved * BLOCK_SECTOR;
    if (c->job.op == BLOCK_WRITE)
        ata_out_words(c->ports + ATA_DATA, at, (size_t)sectors * SECTOR_WORDS);
    else
        ata_in_words(c->ports + ATA_DATA, at, (size_t)sectors * SECTOR_WORDS);
    c->moved += sectors;
    (void)ata_settled(c);
}

static enum progress step(struct ata_channel *c)
{
    for (;;) {
        uint8_t status = ata_in(c->control);
        if (status & ATA_BSY)
            return PENDING;
        if (status & (ATA_ERR | ATA_DF))
            return FAILED;
        bool all = c->moved == c->job.sectors;
        if (all == ((status & ATA_DRQ) != 0))
            return PENDING;                  // between two states, or out of step, which only a reset ends
        (void)ata_in(c->ports + ATA_STATUS); // acknowledges the interrupt
        if (all)
            return DONE;
        move_block(c);
        c->give_up = ata_after(COMMAND_MAX);
    }
}

// ---- its failure ----

static void tell_error(struct ata_channel *c)
{
    uint8_t status = ata_in(c->ports + ATA_STATUS), error = ata_in(c->ports + ATA_ERROR);
    char text[TEXT] = "";
    size_t at = 0;
    for (const struct bit_name *n = error_names; n->name; n++)
        if (error & n->bit && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, ", %s", n->name);
    log_error("%s: command %02x at sector %llu: status %02x%s, error %02x%s", drive_of(c)->name,
              code_of(drive_of(c), &c->job), (unsigned long long)c->job.sector + c->moved, status,
              status & ATA_DF ? " (device fault)" : "", error, text);
    if (ata_in(c->control) & ATA_DRQ) // it still wants to move the data
        ata_reset(c);
}

static void recover(struct ata_channel *c)
{
    log_error("%s: command %02x at sector %llu: no end after %u of %u sectors, status %02x: reset",
              drive_of(c)->name, code_of(drive_of(c), &c->job), (unsigned long long)c->job.sector, c->moved,
              c->job.sectors, ata_in(c->control));
    ata_reset(c);
    if (++c->tries < TRIES && !drive_of(c)->dead)
        begin(c);
    else
        end(c, BLOCK_ERROR);
}

static void advance(struct ata_channel *c)
{
    switch (step(c)) {
    case DONE: end(c, BLOCK_OK); break;
    case FAILED:
        tell_error(c);
        end(c, BLOCK_ERROR);
        break;
    case PENDING:
        if (ata_now() >= c->give_up)
            recover(c);
        else if (ata_now() >= c->look)
            c->look = ata_after(c->moved || c->job.op != BLOCK_WRITE ? LOOK : LOOK_FIRST);
        break;
    }
}

// ---- what the driver does with it ----

bool ata_submit(struct ata_channel *c, uint32_t drive, uint32_t tag, const struct block_job *job)
{
    if (c->busy)
        return false;
    c->busy = true;
    c->ended = false;
    c->drive = drive;
    c->tag = tag;
    c->job = *job;
    c->tries = 0;
    if (drive_of(c)->dead) {
        end(c, BLOCK_ERROR);
        return true;
    }
    begin(c);
    advance(c);
    return true;
}

bool ata_poll(struct ata_channel *c, uint32_t *tag, enum block_status *status)
{
    if (c->busy && !c->ended)
        advance(c);
    if (!c->busy || !c->ended)
        return false;
    c->busy = false;
    *tag = c->tag;
    *status = c->status;
    return true;
}

uint64_t ata_deadline(const struct ata_channel *c)
{
    if (!c->busy)
        return DEADLINE_NONE;
    return c->ended ? 0 : earlier(c->look, c->give_up);
}
