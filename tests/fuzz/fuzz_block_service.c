// Fuzzes block channels: whatever a lying client writes, at any moment, it reaches its own partition only.
// SPDX-License-Identifier: MIT
// LINK: libipc/gpt.c
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/block_world.h"

static const uint8_t *input;
static size_t left;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static uint8_t next(void)
{
    return left ? (left--, *input++) : 0;
}

// A store of the liar's: a field of a request, or any byte of its channel.
static void lie(void)
{
    struct block_channel *c = &world.channel[0];
    uint8_t what = next();
    struct block_request *r = &c->request[what % BLOCK_REQUESTS];
    switch (what >> 4 & 7) {
    case 0: r->state = next() & 3; break;
    case 1: r->op = next() & 7; break;
    case 2: r->page = next(); break;
    case 3: r->sector = (uint64_t)(int8_t)next(); break;
    case 4: r->bytes = next() * 512u; break;
    case 5: c->epoch += next() & 1; break;
    case 6: ((uint8_t *)c)[((size_t)next() << 8 | next()) % sizeof *c] = next(); break;
    default:
        *r = (struct block_request){BLOCK_SUBMITTED, next() & 3, next() & 31, 0, next(), next() * 512u, 0};
    }
}

static void meanwhile(void)
{
    if (left && (*input & 0x80))
        lie();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    world_init(size);
    world.service.backend.disks[0].flags |= next() & 1 ? BLOCK_READ_ONLY : 0;
    memset(world.disk + (WORLD_FIRST + WORLD_SIZE) * BLOCK_SECTOR, 0xbe, WORLD_SIZE * BLOCK_SECTOR);
    block_service_start(&world.service);
    world.meanwhile = meanwhile;
    struct block_request *good = &world.channel[1].request[0];
    unsigned served = 0, waited = 0;
    do {
        if (good->state == BLOCK_FREE)
            *good = (struct block_request){.state = BLOCK_SUBMITTED, .sector = served % 64, .bytes = 512};
        lie();
        (void)block_service_serve(&world.service, next() | 3);
        world_must(++waited < 400);
        if (good->state == BLOCK_DONE) {
            world_must(good->status == BLOCK_OK && world.buffer[1][511] == 0xbe);
            good->state = BLOCK_FREE;
            served++;
            waited = 0;
        }
    } while (left || !served);
    for (size_t i = 0; i < WORLD_SIZE * BLOCK_SECTOR; i++)
        world_must(world.disk[(WORLD_FIRST + WORLD_SIZE) * BLOCK_SECTOR + i] == 0xbe);
    return 0;
}
