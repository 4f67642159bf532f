// ATA channels: reset, and what is connected.
// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/time.h"
#include "servers/drivers/ata/channel.h"
#include "servers/drivers/ata/ports.h"
#include "servers/drivers/ata/registers.h"

#define RESET_PULSE  (5 * NS_PER_US)
#define RESET_SETTLE (2 * NS_PER_MS)
#define RESET_MAX    (31 * NS_PER_S) // [ATA] 2: drive 0 waits so long for drive 1
#define COMMAND_MAX  (2 * NS_PER_S)
#define NAP          NS_PER_MS

enum { FLOATING = 0xff, FLOATING_TOO = 0x7f }; // nothing drives the bus
enum { SIGNATURE_ATA = 0x0000, SIGNATURE_ATAPI = 0xeb14, SIGNATURE_NONE = 0xffff };

// Sleeping, for all bits of `mask` to be as in `want`. False: they never were.
static bool await(const struct ata_channel *c, uint8_t mask, uint8_t want, uint64_t ns)
{
    uint64_t give_up = ata_after(ns);
    while ((ata_in(c->control) & mask) != want) {
        if (ata_now() >= give_up)
            return false;
        ata_sleep(ata_after(NAP));
    }
    return true;
}

static bool is_floating(uint8_t status)
{
    return status == FLOATING || status == FLOATING_TOO;
}

// The software reset protocol ([ATA] 2): a pulse on both drives.
static bool pulse(const struct ata_channel *c)
{
    ata_out(c->control, ATA_CONTROL_RESET);
    ata_sleep(ata_after(RESET_PULSE));
    ata_out(c->control, 0);
    ata_sleep(ata_after(RESET_SETTLE));
    return !is_floating(ata_in(c->control)) && await(c, ATA_BSY, 0, RESET_MAX);
}

// A command without data, or the data of one: 256 words.
static bool command(const struct ata_channel *c, uint8_t count, uint8_t code, uint16_t *words)
{
    ata_out(c->ports + ATA_COUNT, count);
    ata_out(c->ports + ATA_COMMAND, code);
    (void)ata_settled(c);
    if (!await(c, ATA_BSY, 0, COMMAND_MAX))
        return false;
    uint8_t status = ata_in(c->ports + ATA_STATUS);
    if (status & (ATA_ERR | ATA_DF) || (words && !(status & ATA_DRQ)))
        return false;
    if (!words)
        return true;
    ata_in_words(c->ports + ATA_DATA, words, ATA_IDENTITY_WORDS);
    (void)ata_settled(c);
    return await(c, ATA_BSY | ATA_DRQ, 0, COMMAND_MAX);
}

// Blocks of several sectors, as many as it can at once: a power of two. A reset undoes it.
static void set_multiple(struct ata_channel *c, uint32_t drive)
{
    struct ata_drive *d = &c->drives[drive];
    uint32_t most = d->identity.multiple;
    while (most & (most - 1))
        most &= most - 1;
    ata_select(c, drive, 0);
    d->multiple = most > 1 && command(c, (uint8_t)most, ATA_SET_MULTIPLE, NULL) ? most : 0;
}

static void identify(struct ata_channel *c, uint32_t drive, enum log_level level)
{
    struct ata_drive *d = &c->drives[drive];
    uint16_t words[ATA_IDENTITY_WORDS];
    ata_select(c, drive, 0);
    if (!command(c, 0, ATA_IDENTIFY, words)) {
        log_warning("%s: does not identify itself, not used", d->name);
        ata_reset(c); // for the other one's sake
        return;
    }
    const char *problem = ata_identify(words, &d->identity);
    if (problem)
        return log_warning("%s: %s: %s, not used", d->name, d->identity.model, problem);
    d->present = true;
    set_multiple(c, drive);
    log_line(level, "%s: %s, %llu sectors%s, %u at once%s", d->name, d->identity.model,
             (unsigned long long)d->identity.sectors, d->identity.lba48 ? " (LBA48)" : "",
             d->multiple ? d->multiple : 1, d->identity.cached ? ", write cache" : "");
}

// What a drive is it leaves in its registers at a reset.
static void look(struct ata_channel *c, uint32_t drive, enum log_level level)
{
    struct ata_drive *d = &c->drives[drive];
    ata_select(c, drive, 0);
    if (!is_floating(ata_in(c->control)))
        (void)await(c, ATA_BSY, 0, RESET_MAX); // a slave without a master is reset behind its back
    uint8_t status = ata_in(c->control);
    unsigned mid = ata_in(c->ports + ATA_LBA_MID), high = ata_in(c->ports + ATA_LBA_HIGH);
    uint32_t signature = mid | high << 8;
    if (is_floating(status) || status & ATA_BSY || signature == SIGNATURE_NONE ||
        (status == 0 && signature != SIGNATURE_ATAPI))
        log_debug("%s: no drive", d->name);
    else if (signature == SIGNATURE_ATAPI)
        log_line(level, "%s: an ATAPI device, not used", d->name);
    else if (signature != SIGNATURE_ATA)
        log_line(level, "%s: a device of signature %04x, not used", d->name, signature);
    else
        identify(c, drive, level);
}

void ata_detect(struct ata_channel *c, bool told)
{
    c->busy = c->ended = false;
    memset(c->drives, 0, sizeof c->drives);
    for (uint32_t i = 0; i < ATA_DRIVES; i++)
        snprintf(c->drives[i].name, sizeof c->drives[i].name, "%s %s", c->name, i ? "slave" : "master");
    if (!pulse(c)) {
        log_debug("%s: no drives", c->name);
        return;
    }
    for (uint32_t i = 0; i < ATA_DRIVES; i++)
        look(c, i, told ? LOG_DEBUG : LOG_INFO);
}

void ata_reset(struct ata_channel *c)
{
    bool good = pulse(c);
    for (uint32_t i = 0; i < ATA_DRIVES; i++) {
        struct ata_drive *d = &c->drives[i];
        if (!d->present || d->dead)
            continue;
        if (good) {
            set_multiple(c, i);
        } else {
            d->dead = true;
            log_error("%s: does not come back from a reset, not used any more", d->name);
        }
    }
}
