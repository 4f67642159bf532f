// Block channels between a model of a disk and two clients; the driver can be cut off at any step.
// SPDX-License-Identifier: MIT
//
// Steps are the driver's stores into channels and its calls to the device and to clients. A job reaches the
// disk when it is polled or, of a dead driver, perhaps: a reset decides. Each partition's blocks are numbered
// and hold a version each.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void world_step(void);
#define BLOCK_STORE(at, value) (world_step(), __atomic_store_n((at), (value), __ATOMIC_RELEASE))
#include "servers/common/block_service.c" // NOLINT: with its stores replaced

#include "tests/unit/gpt_disk.h"

enum {
    WORLD_SECTORS = 160,
    WORLD_PORTS = 2,
    WORLD_FIRST = 6, // of the first partition
    WORLD_SIZE = 64, // sectors of each
    WORLD_DEPTH = 3
};

static struct {
    _Alignas(4096) uint8_t disk[WORLD_SECTORS * BLOCK_SECTOR];
    _Alignas(4096) uint8_t buffer[WORLD_PORTS][BLOCK_PAGES * BLOCK_PAGE];
    _Alignas(4096) uint8_t table[BLOCK_TABLE_PAGES * BLOCK_PAGE];
    struct block_channel channel[WORLD_PORTS];
    struct block_service service;
    // The device.
    struct {
        bool busy;
        struct block_job job;
    } job[WORLD_DEPTH];
    uint64_t broken; // this sector gives errors
    bool full;       // it takes nothing now
    uint32_t writes, flushes;
    uint64_t signals[WORLD_PORTS], waits;
    // Death.
    uint64_t steps, cut;
    jmp_buf out;
    void (*meanwhile)(void); // what others do at each step
    uint64_t random;
} world;

static void world_must(bool good)
{
    if (!good)
        abort();
}

static uint32_t world_random(uint32_t below)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (uint32_t)(world.random >> 20) % below;
}

static void world_step(void)
{
    if (world.meanwhile)
        world.meanwhile();
    if (++world.steps == world.cut)
        longjmp(world.out, 1);
}

// The job keeps to its partition and to the pages of its channel.
static void world_check_job(const struct block_job *job)
{
    if (job->data == world.table) {
        world_must(job->op == BLOCK_READ && job->sectors <= BLOCK_TABLE_PAGES * 8);
        world_must(job->sector < WORLD_SECTORS && job->sectors <= WORLD_SECTORS - job->sector);
        return;
    }
    if (job->op == BLOCK_FLUSH)
        return;
    size_t port = job->data >= world.buffer[1];
    const struct block_port *p = &world.service.ports[port];
    uint64_t first = WORLD_FIRST + port * WORLD_SIZE;
    size_t at = (size_t)(job->data - world.buffer[port]);
    world_must(at % BLOCK_PAGE == 0 && at / BLOCK_PAGE < BLOCK_PAGES);
    world_must(job->sectors && at + (size_t)job->sectors * BLOCK_SECTOR <= sizeof world.buffer[0]);
    world_must(job->sector >= first && job->sector + job->sectors <= first + WORLD_SIZE);
    world_must(job->pages == p->buffer.pages + at / BLOCK_PAGE);
    world_must(job->op == BLOCK_READ || (job->op == BLOCK_WRITE && !(p->flags & BLOCK_READ_ONLY)));
}

static bool world_submit(void *device, uint32_t tag, const struct block_job *job)
{
    (void)device;
    world_step();
    world_must(tag < WORLD_DEPTH && !world.job[tag].busy);
    world_check_job(job);
    if (world.full)
        return false;
    world.job[tag].job = *job;
    world.job[tag].busy = true;
    world_step();
    return true;
}

static enum block_status world_do(const struct block_job *job)
{
    uint8_t *at = world.disk + job->sector * BLOCK_SECTOR;
    size_t bytes = (size_t)job->sectors * BLOCK_SECTOR;
    if (job->op != BLOCK_FLUSH && world.broken - job->sector < job->sectors)
        return BLOCK_ERROR;
    switch (job->op) {
    case BLOCK_READ: memcpy(job->data, at, bytes); break;
    case BLOCK_WRITE: memcpy(at, job->data, bytes), world.writes++; break;
    default: world.flushes++; break;
    }
    return BLOCK_OK;
}

static bool world_poll(void *device, uint32_t *tag, enum block_status *status)
{
    (void)device;
    world_step();
    uint32_t from = world_random(WORLD_DEPTH);
    for (uint32_t i = 0; i < WORLD_DEPTH; i++) {
        *tag = (from + i) % WORLD_DEPTH;
        if (!world.job[*tag].busy || world_random(3) == 0)
            continue;
        *status = world_do(&world.job[*tag].job);
        world.job[*tag].busy = false;
        world_step();
        return true;
    }
    return false;
}

static void world_signal(void *context, uint32_t port)
{
    (void)context;
    world_step();
    world.signals[port]++;
}

static void world_wait(void *context)
{
    (void)context;
    world.waits++;
}

// What a new driver is given.
static void world_driver(void)
{
    struct block_service *s = &world.service;
    memset(s, 0xa5, sizeof *s);
    s->backend = (struct block_backend){.submit = world_submit,
                                        .poll = world_poll,
                                        .depth = WORLD_DEPTH,
                                        .disk_count = 1,
                                        .disks = {{"d0", WORLD_SECTORS, BLOCK_CACHED}}};
    s->table = (struct block_memory){.data = world.table, .has_addresses = true};
    s->restarted = false;
    s->port_count = WORLD_PORTS;
    s->signal = world_signal;
    s->wait = world_wait;
    for (unsigned i = 0; i < WORLD_PORTS; i++) {
        struct block_port *p = &s->ports[i];
        strcpy(p->partition, i ? "beta.root" : "alpha.root");
        p->shared = &world.channel[i];
        p->buffer = (struct block_memory){.data = world.buffer[i], .has_addresses = true};
    }
}

// A new driver: it resets the device, and what the dead one had under way has happened or never does.
static inline void world_restart(void)
{
    for (uint32_t i = 0; i < WORLD_DEPTH; i++) {
        if (world.job[i].busy && world_random(2))
            (void)world_do(&world.job[i].job);
        world.job[i].busy = false;
    }
    world_driver();
}

static void world_init(uint64_t seed)
{
    struct gpt_entry entries[WORLD_PORTS];
    memset(&world, 0, sizeof world);
    world.random = seed * 0x9e3779b97f4a7c15u + 1;
    world.broken = UINT64_MAX;
    disk_entry(&entries[0], "alpha.root", WORLD_FIRST, WORLD_FIRST + WORLD_SIZE - 1);
    disk_entry(&entries[1], "beta.root", WORLD_FIRST + WORLD_SIZE, WORLD_FIRST + 2 * WORLD_SIZE - 1);
    disk_table(world.disk, WORLD_SECTORS, entries, WORLD_PORTS);
    world_driver();
}
