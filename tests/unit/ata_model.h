// A model of an ATA channel: registers, busy times, blocks, errors, drives that hang.
// SPDX-License-Identifier: MIT
//
// It insists on the protocol: nothing is written while a drive is busy, no data move without DRQ.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/drivers/ata/ports.h"
#include "servers/drivers/ata/registers.h"

enum { MODEL_PORTS = 0x1f0, MODEL_CONTROL = 0x3f6, MODEL_SECTORS = 600, MODEL_BUSY = 7 /* looks */ };
enum model_kind { MODEL_NONE, MODEL_DISK, MODEL_ATAPI };

struct model_drive {
    enum model_kind kind;
    uint16_t identity[256];
    uint8_t data[MODEL_SECTORS * 512]; // sector n is at n modulo the number
    uint32_t multiple;
};

static struct {
    struct model_drive drive[2];
    bool floating; // no channel at all
    // Registers.
    uint8_t count[2], low[2], mid[2], high[2]; // as written last, and before
    uint8_t device, status, error, control;
    // The command under way.
    uint8_t command;
    uint64_t lba;
    uint32_t left, busy; // sectors; looks until it goes on
    uint8_t buffer[256 * 512];
    uint32_t at, block; // bytes of the block
    // Faults.
    uint64_t bad;    // this sector gives an error
    uint32_t hangs;  // commands that never end
    bool never_back; // from a reset
    // What was seen.
    uint32_t resets, flushes, ext;
    uint64_t now, accesses, cut;
    jmp_buf out;
} model;

static void model_must(bool good)
{
    if (!good)
        abort();
}

static inline void model_init(enum model_kind master, enum model_kind slave, uint32_t multiple)
{
    memset(&model, 0, sizeof model);
    model.bad = UINT64_MAX;
    model.status = ATA_DRDY;
    model.drive[0].kind = master;
    model.drive[1].kind = slave;
    for (unsigned i = 0; i < 2; i++) {
        uint16_t *w = model.drive[i].identity;
        for (unsigned j = 0; j < 20; j++)
            w[27 + j] = 0x2020;
        w[27] = 'M' << 8 | 'O';
        w[28] = 'D' << 8 | 'E';
        w[29] = (uint16_t)('L' << 8 | ('0' + i));
        w[47] = (uint16_t)(0x8000 | multiple);
        w[49] = 1 << 9;
        w[60] = MODEL_SECTORS;
        w[83] = 0x4000 | 1 << 10 | 1 << 12 | 1 << 13;
        w[85] = 1 << 5;
        w[102] = 1; // 2^32 and some sectors
        w[100] = MODEL_SECTORS;
    }
}

static struct model_drive *model_selected(void)
{
    return &model.drive[model.device >> 4 & 1];
}

static void model_access(void)
{
    model.now += 100;
    if (++model.accesses == model.cut)
        longjmp(model.out, 1);
}

static bool model_writes(void)
{
    return model.command == ATA_WRITE_SECTORS || model.command == ATA_WRITE_SECTORS_EXT ||
           model.command == ATA_WRITE_MULTIPLE || model.command == ATA_WRITE_MULTIPLE_EXT;
}

static uint8_t *model_sector(uint64_t lba)
{
    return model_selected()->data + lba % MODEL_SECTORS * 512;
}

static void model_finish(uint8_t error)
{
    model.error = error;
    model.status = (uint8_t)(ATA_DRDY | (error ? ATA_ERR : 0));
    model.left = model.block = 0;
}

static bool model_is_bad(uint32_t sectors)
{
    return model.bad - model.lba < sectors;
}

// The next block of a transfer, after the drive was busy.
static void model_next_block(void)
{
    uint32_t multiple = model.command == ATA_READ_MULTIPLE || model.command == ATA_READ_MULTIPLE_EXT ||
                                model.command == ATA_WRITE_MULTIPLE || model.command == ATA_WRITE_MULTIPLE_EXT
                            ? model_selected()->multiple
                            : 1;
    uint32_t sectors = model.left < multiple ? model.left : multiple;
    if (!model.left)
        return model_finish(0);
    if (!model_writes() && model_is_bad(sectors))
        return model_finish(ATA_UNC);
    model.block = sectors * 512;
    model.at = 0;
    model.status = ATA_DRDY | ATA_DRQ;
    for (uint32_t i = 0; i < sectors && !model_writes() && model.command != ATA_IDENTIFY; i++)
        memcpy(model.buffer + i * 512, model_sector(model.lba + i), 512);
}

static void model_block_moved(void)
{
    uint32_t sectors = model.block / 512;
    model.block = 0;
    if (model_writes() && model_is_bad(sectors))
        return model_finish(ATA_IDNF);
    for (uint32_t i = 0; i < sectors && model_writes(); i++)
        memcpy(model_sector(model.lba + i), model.buffer + i * 512, 512);
    model.lba += sectors;
    model.left -= sectors;
    model.busy = MODEL_BUSY;
    model.status = ATA_BSY;
}

static uint8_t model_status(void)
{
    if (model.floating)
        return 0xff;
    if (model_selected()->kind == MODEL_NONE)
        return 0;
    if (model.status & ATA_BSY && model.busy && --model.busy == 0)
        model_next_block();
    return model.status;
}

static void model_command(uint8_t command)
{
    struct model_drive *d = model_selected();
    bool ext = command == ATA_READ_SECTORS_EXT || command == ATA_READ_MULTIPLE_EXT ||
               command == ATA_WRITE_SECTORS_EXT || command == ATA_WRITE_MULTIPLE_EXT;
    model.command = command;
    model.lba = (uint64_t)model.high[0] << 16 | (uint64_t)model.mid[0] << 8 | model.low[0];
    model.lba |=
        ext ? (uint64_t)model.high[1] << 40 | (uint64_t)model.mid[1] << 32 | (uint64_t)model.low[1] << 24
            : (uint64_t)(model.device & 0xf) << 24;
    model.left = ext ? model.count[1] * 256u + model.count[0] : model.count[0] ? model.count[0] : 256;
    model.ext += ext;
    model.status = ATA_BSY;
    model.busy = MODEL_BUSY;
    if (model.hangs && command != ATA_SET_MULTIPLE) {
        model.hangs--;
        model.busy = 0;
        return;
    }
    switch (command) {
    case ATA_IDENTIFY:
        memcpy(model.buffer, d->identity, 512);
        model.left = 1;
        break;
    case ATA_SET_MULTIPLE:
        d->multiple = model.count[0];
        model.left = 0;
        break;
    case ATA_FLUSH_CACHE:
    case ATA_FLUSH_CACHE_EXT:
        model.flushes++;
        model.left = 0;
        break;
    default: model_must(model.device & ATA_DEVICE_LBA); break;
    }
}

static void model_reset(void)
{
    model.resets++;
    model.device = 0;
    model.status = ATA_BSY;
    model.busy = model.never_back ? 0 : MODEL_BUSY;
    model.left = model.block = 0;
    model.drive[0].multiple = model.drive[1].multiple = 0;
}

static void model_push(uint8_t *pair, uint8_t value)
{
    pair[1] = pair[0];
    pair[0] = value;
}

uint8_t ata_in(uint16_t port)
{
    model_access();
    bool atapi = model_selected()->kind == MODEL_ATAPI;
    if (port == MODEL_CONTROL || port == MODEL_PORTS + ATA_STATUS)
        return model_status();
    model_must(!(model.status & ATA_BSY) || model_selected()->kind == MODEL_NONE);
    switch (port - MODEL_PORTS) {
    case ATA_ERROR: return model.error;
    case ATA_LBA_MID: return atapi ? 0x14 : 0;
    case ATA_LBA_HIGH: return atapi ? 0xeb : 0;
    default: return 0;
    }
}

void ata_out(uint16_t port, uint8_t value)
{
    model_access();
    if (port == MODEL_CONTROL) {
        if (!(value & ATA_CONTROL_RESET) && (model.control & ATA_CONTROL_RESET))
            model_reset();
        model.control = value;
        return;
    }
    model_must(!(model.status & (ATA_BSY | ATA_DRQ)) || model_selected()->kind == MODEL_NONE);
    switch (port - MODEL_PORTS) {
    case ATA_COUNT: model_push(model.count, value); break;
    case ATA_LBA_LOW: model_push(model.low, value); break;
    case ATA_LBA_MID: model_push(model.mid, value); break;
    case ATA_LBA_HIGH: model_push(model.high, value); break;
    case ATA_DEVICE: model.device = value; break;
    case ATA_COMMAND: model_command(value); break;
    default: abort();
    }
}

static void model_move(void *memory, size_t words, bool in)
{
    model_access();
    model_must(model.status & ATA_DRQ && model.at + words * 2 <= model.block);
    if (in)
        memcpy(memory, model.buffer + model.at, words * 2);
    else
        memcpy(model.buffer + model.at, memory, words * 2);
    model.at += (uint32_t)words * 2;
    if (model.at == model.block)
        model_block_moved();
}

void ata_in_words(uint16_t port, void *to, size_t words)
{
    (void)port;
    model_must(!model_writes());
    model_move(to, words, true);
}

void ata_out_words(uint16_t port, const void *from, size_t words)
{
    (void)port;
    model_must(model_writes());
    model_move((void *)(uintptr_t)from, words, false);
}

uint64_t ata_now(void)
{
    return model.now;
}

uint64_t ata_after(uint64_t ns)
{
    return model.now + ns;
}

void ata_sleep(uint64_t until)
{
    model.now = model.now < until ? until : model.now;
}
