// The driver of ATA disks behind the two channels that every PC has had at these ports.
// SPDX-License-Identifier: MIT
#include <string.h>

#include "libipc/time.h"
#include "servers/common/block_driver.h"
#include "servers/drivers/ata/channel.h"

const char program_name[] = "drivers/ata";

enum { CHANNELS = 2 };

static struct ata_channel channels[CHANNELS] = {{.name = "ata0", .ports = 0x1f0, .control = 0x3f6},
                                                {.name = "ata1", .ports = 0x170, .control = 0x376}};
static _Alignas(BLOCK_PAGE) uint8_t table[BLOCK_TABLE_PAGES * BLOCK_PAGE];
static struct block_service service;

// Disk n of the service.
static struct {
    struct ata_channel *channel;
    uint32_t drive;
} disks[BLOCK_DISKS_MAX];

static bool submit(void *device, uint32_t tag, const struct block_job *job)
{
    (void)device;
    return ata_submit(disks[job->disk].channel, disks[job->disk].drive, tag, job);
}

static bool poll(void *device, uint32_t *tag, enum block_status *status)
{
    (void)device;
    return ata_poll(&channels[0], tag, status) || ata_poll(&channels[1], tag, status);
}

static uint64_t deadline(void *device)
{
    (void)device;
    return earlier(ata_deadline(&channels[0]), ata_deadline(&channels[1]));
}

static void add_disks(struct block_backend *b, struct ata_channel *c)
{
    for (uint32_t i = 0; i < ATA_DRIVES; i++) {
        const struct ata_drive *d = &c->drives[i];
        if (!d->present)
            continue;
        struct block_disk *disk = &b->disks[b->disk_count];
        strcpy(disk->name, d->name);
        disk->sectors = d->identity.sectors;
        disk->flags = d->identity.cached ? BLOCK_CACHED : 0;
        disks[b->disk_count].channel = c;
        disks[b->disk_count++].drive = i;
    }
}

int main(void)
{
    block_driver_open(&service, CHANNELS);
    service.backend =
        (struct block_backend){.submit = submit, .poll = poll, .deadline = deadline, .depth = CHANNELS};
    service.table.data = table;
    for (unsigned i = 0; i < CHANNELS; i++) {
        ata_detect(&channels[i], service.restarted);
        add_disks(&service.backend, &channels[i]);
    }
    block_driver_run(&service);
}
