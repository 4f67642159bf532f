// Fuzzes the ATA driver with a device that says anything: only the job's memory is touched, and it ends.
// SPDX-License-Identifier: MIT
//
// LINK: servers/drivers/ata/channel.c servers/drivers/ata/detect.c servers/drivers/ata/identity.c
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libipc/log.h"
#include "libipc/time.h"
#include "servers/drivers/ata/channel.h"
#include "servers/drivers/ata/ports.h"

enum log_level log_level = LOG_INFO;

enum { SECTORS = 40 };

static const uint8_t *input;
static size_t left;
static uint64_t time_now, accesses;
static uint8_t data[SECTORS * BLOCK_SECTOR];
static bool in_job;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static uint8_t next(void)
{
    return left ? (left--, *input++) : 0x58; // ready, and always more data
}

uint8_t ata_in(uint16_t port)
{
    (void)port;
    must(++accesses < 1000000);
    time_now += NS_PER_MS;
    return next();
}

void ata_out(uint16_t port, uint8_t value)
{
    (void)port;
    (void)value;
}

static void check_range(const uint8_t *at, size_t words)
{
    must(!in_job || (at >= data && words * 2 <= sizeof data && at + words * 2 <= data + sizeof data));
}

void ata_in_words(uint16_t port, void *to, size_t words)
{
    (void)port;
    check_range(to, words);
    memset(to, 0x42, words * 2); // as an identity: a disk with all that the driver looks for
    for (size_t i = next() * 2u; !in_job && i < words * 2; i += 1 + next())
        ((uint8_t *)to)[i] = next();
}

void ata_out_words(uint16_t port, const void *from, size_t words)
{
    (void)port;
    check_range(from, words);
}

uint64_t ata_now(void)
{
    return time_now;
}

uint64_t ata_after(uint64_t ns)
{
    return time_now + ns;
}

void ata_sleep(uint64_t until)
{
    time_now = time_now < until ? until : time_now;
}

static void run(struct ata_channel *c, uint32_t drive, struct block_job job)
{
    uint32_t tag;
    enum block_status status;
    in_job = true;
    must(ata_submit(c, drive, 1, &job));
    while (!ata_poll(c, &tag, &status)) {
        must(ata_deadline(c) != DEADLINE_NONE);
        ata_sleep(ata_deadline(c));
    }
    must(tag == 1);
    in_job = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct ata_channel c = {.name = "ata0", .ports = 0x1f0, .control = 0x3f6};
    input = bytes;
    left = size;
    accesses = 0;
    in_job = false;
    ata_detect(&c, false);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t drive = next() & 1;
        enum block_op op = next() % BLOCK_OPS;
        uint32_t sectors = op == BLOCK_FLUSH ? 0 : 1 + next() % SECTORS;
        if (c.drives[drive].present)
            run(&c, drive, (struct block_job){.op = op, .sector = next(), .sectors = sectors, .data = data});
    }
    return 0;
}
