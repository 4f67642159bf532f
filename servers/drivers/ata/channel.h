// An ATA channel: two drives, one command at a time, its data moved by the processor.
// SPDX-License-Identifier: MIT
//
// A command goes: registers written - BSY - then for each block DRQ and an interrupt, the block is moved, BSY
// again - at last neither BSY nor DRQ. Of a write the first DRQ comes without an interrupt. What is to be
// done is read from the status alone; an interrupt says no more than "look". Who waits too long resets the
// channel and tries once more.
//
// A driver that was killed leaves the drives wherever they were; the reset at each start ends that.
#pragma once

#include "servers/common/block_service.h"
#include "servers/drivers/ata/identity.h"

enum { ATA_DRIVES = 2 };

struct ata_drive {
    char name[16];     // "ata0 master"
    bool present;      // a disk that can be served
    bool dead;         // it does not come back from a reset
    uint32_t multiple; // sectors a block, as set; 0: READ SECTORS, WRITE SECTORS
    struct ata_identity identity;
};

struct ata_channel {
    const char *name;
    uint16_t ports, control; // the first of eight; the control port
    struct ata_drive drives[ATA_DRIVES];
    // The command under way.
    bool busy;
    bool ended; // to be told by the next poll
    enum block_status status;
    uint32_t drive, tag;
    struct block_job job;
    uint32_t moved, block; // sectors done; at once
    uint32_t tries;
    uint64_t look, give_up; // ticks
};

// detect.c: resets the channel and finds its drives. told: a former incarnation has said what there is.
void ata_detect(struct ata_channel *c, bool told);
// Resets it while it is in use. A drive that does not come back is dead.
void ata_reset(struct ata_channel *c);

// False: it has a command under way.
bool ata_submit(struct ata_channel *c, uint32_t drive, uint32_t tag, const struct block_job *job);
bool ata_poll(struct ata_channel *c, uint32_t *tag, enum block_status *status);
uint64_t ata_deadline(const struct ata_channel *c); // ticks; UINT64_MAX: none

// Of use to both: selects a drive, and gives it 400 ns.
void ata_select(const struct ata_channel *c, uint32_t drive, uint8_t bits);
uint8_t ata_settled(const struct ata_channel *c); // the status, 400 ns after what changes it
