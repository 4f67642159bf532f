// Disks whose servers or drivers die at any step, and power cuts: each block is the old or the new one
// SPDX-License-Identifier: MIT
// LINK: servers/disk/blk.c servers/disk/ram.c servers/disk/partition.c servers/disk/channel.c
// LINK: servers/disk/overlay.c servers/common/copy.c
//
// Several requests are under way at random places; those under way do not touch the same sectors, but often
// the same blocks. A sector says where and what it is. What was acknowledged must be read; after a power cut
// a sector may be anything that was written to it since the last flush that returned had begun.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/disk_world.h"

enum { SECTORS = DISK_BYTES / BLK_SECTOR, TAGS = 8, MOST = 12, VERSION_BITS = 20 };

static struct {
    uint32_t version;          // the last one given
    uint32_t now[SECTORS];     // acknowledged; 0: the base's
    uint32_t lasting[SECTORS]; // at least this after a power cut
    uint32_t newest[SECTORS];  // ever given to the disk
    uint8_t busy[SECTORS];     // a request is under way there
    struct tag {
        bool used;
        uint16_t head;
        uint32_t type, sector, sectors, version;
        uint32_t before[SECTORS]; // of a flush: what was acknowledged when it began
    } tag[TAGS];
    unsigned completed, failed;
} m;

static uint32_t word_of(uint32_t sector, uint32_t version)
{
    return version ? sector << VERSION_BITS | version : 0;
}

// A sector that nobody wrote is the base's.
static bool holds(const uint8_t *at, uint32_t sector, uint32_t version)
{
    for (uint32_t i = 0; i < BLK_SECTOR; i += 4) {
        uint32_t word, expected = word_of(sector, version);
        uint64_t place = (uint64_t)sector * BLK_SECTOR + i;
        memcpy(&word, at + i, 4);
        if (!version && d.kind != DISK_RAM && d.kind != DISK_PART && place < DISK_BASE_BYTES)
            memcpy(&expected, d.base + place, 4);
        if (word != expected)
            return false;
    }
    return true;
}

static bool is_free(uint32_t sector, uint32_t sectors)
{
    for (uint32_t i = 0; i < sectors; i++)
        if (m.busy[sector + i])
            return false;
    return true;
}

static void mark(const struct tag *t, uint8_t busy)
{
    for (uint32_t i = 0; i < t->sectors; i++)
        m.busy[t->sector + i] = busy;
}

static void prepare_write(struct tag *t, uint8_t *data)
{
    t->version = ++m.version;
    for (uint32_t i = 0; i < t->sectors; i++) {
        m.newest[t->sector + i] = t->version;
        for (uint32_t k = 0; k < BLK_SECTOR; k += 4) {
            uint32_t word = word_of(t->sector + i, t->version);
            memcpy(data + i * BLK_SECTOR + k, &word, 4);
        }
    }
}

static void submit(unsigned queue)
{
    static const uint32_t types[] = {BLK_T_IN, BLK_T_OUT, BLK_T_OUT, BLK_T_OUT, BLK_T_FLUSH};
    unsigned n = 0;
    while (n < TAGS && m.tag[n].used)
        n++;
    if (n == TAGS)
        return;
    struct tag *t = &m.tag[n];
    *t = (struct tag){.type = types[disk_random(5)], .sectors = 1 + disk_random(MOST)};
    t->sector = disk_random(SECTORS - MOST);
    if (t->type == BLK_T_FLUSH) {
        t->sectors = 0;
        memcpy(t->before, m.now, sizeof m.now);
    }
    if (!is_free(t->sector, t->sectors))
        return;
    if (t->type == BLK_T_OUT)
        prepare_write(t, disk_data(n));
    uint16_t head = world.driver[queue].free[world.driver[queue].free_count - 1];
    if (!disk_ask(queue, n, t->type, t->type == BLK_T_FLUSH ? 0 : t->sector, t->sectors * BLK_SECTOR))
        return;
    t->used = true;
    t->head = (uint16_t)(head | queue << 8);
    mark(t, 1);
}

static void complete(struct tag *t)
{
    unsigned n = (unsigned)(t - m.tag);
    m.completed++;
    t->used = false;
    mark(t, 0);
    if (*disk_status(n) != BLK_S_OK)
        fail_msg("kind %d: request of type %u at %u failed", d.kind, t->type, t->sector);
    for (uint32_t i = 0; i < t->sectors; i++) {
        if (t->type == BLK_T_OUT)
            m.now[t->sector + i] = t->version;
        else if (!holds(disk_data(n) + i * BLK_SECTOR, t->sector + i, m.now[t->sector + i]))
            fail_msg("kind %d: sector %u does not hold version %u", d.kind, t->sector + i,
                     m.now[t->sector + i]);
    }
    for (uint32_t i = 0; i < SECTORS && t->type == BLK_T_FLUSH; i++)
        m.lasting[i] = t->before[i] > m.lasting[i] ? t->before[i] : m.lasting[i];
}

static void collect(void)
{
    uint16_t head;
    uint32_t written;
    for (unsigned queue = 0; queue < d.queues; queue++)
        while (world_used(queue, &head, &written)) {
            unsigned n = 0;
            while (n < TAGS && !(m.tag[n].used && m.tag[n].head == (head | queue << 8)))
                n++;
            if (n == TAGS)
                fail_msg("a request is completed twice");
            complete(&m.tag[n]);
        }
}

static bool any_under_way(void)
{
    for (unsigned i = 0; i < TAGS; i++)
        if (m.tag[i].used)
            return true;
    return false;
}

static void finish(void)
{
    world_arm(0);
    d.driver_dead = false;
    for (unsigned i = 0; i < 100 && any_under_way(); i++) {
        disk_run();
        world_ring((1u << d.queues) - 1);
        collect();
    }
    if (any_under_way())
        fail_msg("kind %d: a request never ends", d.kind);
}

// Some requests, some progress, and perhaps a death.
static void act(bool deaths)
{
    if (deaths && disk_random(3) == 0)
        world_arm(1 + disk_random(60));
    for (unsigned i = disk_random(3); i--;)
        submit(disk_random(d.queues));
    world_ring((1u << d.queues) - 1);
    d.driver_dead = disk_in_partition() && disk_random(4) == 0;
    if (disk_in_partition() && disk_drive())
        (void)world_do(disk_do_peer, NULL);
    collect();
}

static void read_all(void)
{
    for (uint32_t s = 0; s < SECTORS; s++) {
        assert_int_equal(disk_do(BLK_T_IN, s, BLK_SECTOR), BLK_S_OK);
        if (!holds(disk_data(0), s, m.now[s]))
            fail_msg("kind %d: sector %u does not hold version %u", d.kind, s, m.now[s]);
    }
}

static void run(enum disk_kind kind, uint16_t queues, uint64_t features, unsigned seed)
{
    memset(&m, 0, sizeof m);
    disk_begin(kind, queues, features);
    d.random += seed * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < 300; i++)
        act(true);
    finish();
    read_all();
    if (m.completed < 50)
        fail_msg("kind %d: only %u requests", kind, m.completed);
}

static void test_deaths(void **unused)
{
    (void)unused;
    for (unsigned seed = 1; seed <= 12; seed++) {
        run(DISK_RAM, 2, BLK_F_FLUSH | BLK_F_MQ, seed);
        run(DISK_PART, 3, BLK_F_FLUSH | BLK_F_MQ | VIRTIO_F_EVENT_IDX, seed);
        run(DISK_OVER_PART, 1, BLK_F_FLUSH | VIRTIO_F_EVENT_IDX, seed);
        run(DISK_OVER_PART, 2, BLK_F_MQ, seed); // every write lasts
    }
}

// ---- power cuts ----

static uint32_t version_at(const uint8_t *at, uint32_t sector)
{
    uint32_t word;
    memcpy(&word, at, 4);
    uint32_t version = word & ((1u << VERSION_BITS) - 1);
    return word >> VERSION_BITS == sector && holds(at, sector, version) ? version : 0;
}

static void judge_after_cut(void)
{
    for (uint32_t s = 0; s < SECTORS; s++) {
        assert_int_equal(disk_do(BLK_T_IN, s, BLK_SECTOR), BLK_S_OK);
        uint32_t version = version_at(disk_data(0), s);
        if (!holds(disk_data(0), s, version) || version < m.lasting[s] || version > m.newest[s])
            fail_msg("kind %d: sector %u is neither old nor new (%u, of %u to %u)", d.kind, s, version,
                     m.lasting[s], m.newest[s]);
        m.now[s] = m.lasting[s] = version;
    }
}

static void lose_power(enum disk_kind kind, uint64_t features, unsigned seed)
{
    memset(&m, 0, sizeof m);
    disk_begin(kind, 1, features);
    d.random += seed * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 10 + disk_random(80); i--;)
            act(seed & 1);
        world_arm(0);
        memset(m.tag, 0, sizeof m.tag);
        memset(m.busy, 0, sizeof m.busy);
        d.driver_dead = false;
        disk_power_cut();
        disk_boot(features);
        judge_after_cut();
        memcpy(m.newest, m.now, sizeof m.now);
    }
}

static void test_power_cuts(void **unused)
{
    (void)unused;
    for (unsigned seed = 1; seed <= 60; seed++) {
        lose_power(DISK_PART, BLK_F_FLUSH, seed);
        lose_power(DISK_OVER_PART, BLK_F_FLUSH, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deaths), cmocka_unit_test(test_power_cuts)};
    return cmocka_run_group_tests_name("disk restart", tests, NULL, NULL);
}
