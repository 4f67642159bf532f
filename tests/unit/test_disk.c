// Disks: every request on every back-end, malformed ones, full overlays, restarts, power cuts
// SPDX-License-Identifier: MIT
// LINK: servers/disk/blk.c servers/disk/ram.c servers/disk/partition.c servers/disk/channel.c
// LINK: servers/disk/overlay.c servers/common/copy.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/disk_world.h"

static const enum disk_kind writable[] = {DISK_RAM, DISK_OVER_RAM, DISK_PART, DISK_OVER_PART};
enum { WRITABLE = sizeof writable / sizeof writable[0] };

static bool has_base(void)
{
    return d.kind != DISK_RAM && d.kind != DISK_PART;
}

static uint8_t base_byte(uint64_t at)
{
    return has_base() && at < DISK_BASE_BYTES ? d.base[at] : 0;
}

static void expect_base(uint64_t sector, uint32_t bytes)
{
    memset(disk_data(0), 0x55, DISK_DATA_BYTES);
    assert_int_equal(disk_do(BLK_T_IN, sector, bytes), BLK_S_OK);
    for (uint32_t i = 0; i < bytes; i++)
        if (disk_data(0)[i] != base_byte(sector * BLK_SECTOR + i))
            fail_msg("kind %d: byte %u of sector %u is wrong", d.kind, i, (unsigned)sector);
    assert_true(bytes == DISK_DATA_BYTES || disk_data(0)[bytes] == 0x55);
}

static void expect_filled(uint64_t sector, uint32_t bytes, uint8_t with)
{
    assert_int_equal(disk_do(BLK_T_IN, sector, bytes), BLK_S_OK);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(disk_data(0)[i], with);
}

static void fill(uint64_t sector, uint32_t bytes, uint8_t with)
{
    memset(disk_data(0), with, bytes);
    assert_int_equal(disk_do(BLK_T_OUT, sector, bytes), BLK_S_OK);
}

static void test_read_write(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < WRITABLE; i++) {
        disk_begin(writable[i], 1, BLK_F_FLUSH);
        expect_base(0, 512);
        expect_base(75, 8192); // the base ends there
        fill(13, 512, 1);      // a part of a block
        expect_base(8, 5 * 512);
        expect_filled(13, 512, 1);
        expect_base(14, 2 * 512);
        fill(21, 4096, 2); // the end of a block and the beginning of the next
        expect_base(16, 5 * 512);
        expect_filled(21, 4096, 2);
        expect_base(29, 3 * 512);
        fill(13, 1024, 3);
        expect_filled(13, 1024, 3);
        assert_int_equal(disk_do(BLK_T_FLUSH, 0, 0), BLK_S_OK);
        world_start();
        disk_run();
        expect_filled(13, 1024, 3);
        expect_base(15, 512);
    }
}

static void test_image(void **unused)
{
    (void)unused;
    disk_begin(DISK_IMAGE, 1, BLK_F_RO);
    expect_base(75, 8192);
    assert_int_equal(disk_do(BLK_T_OUT, 0, 512), BLK_S_IOERR);
    assert_int_equal(world_counter("read-only"), 1);
    assert_int_equal(disk_do(BLK_T_FLUSH, 0, 0), BLK_S_OK);
    expect_base(0, 512);
    WORLD_SET(device_feature_select, 0);
    assert_int_equal(WORLD_GET(device_feature) & (BLK_F_RO | BLK_F_DISCARD), BLK_F_RO);
}

static void test_bounds(void **unused)
{
    (void)unused;
    const uint64_t end = DISK_BYTES / BLK_SECTOR;
    for (unsigned i = 0; i < WRITABLE; i++) {
        disk_begin(writable[i], 1, 0);
        assert_int_equal(disk_do(BLK_T_IN, end - 1, 512), BLK_S_OK);
        assert_int_equal(disk_do(BLK_T_IN, end - 1, 1024), BLK_S_IOERR);
        assert_int_equal(disk_do(BLK_T_OUT, end, 512), BLK_S_IOERR);
        assert_int_equal(disk_do(BLK_T_OUT, UINT64_MAX, 512), BLK_S_IOERR);
        assert_int_equal(disk_do(BLK_T_IN, 0, 511), BLK_S_IOERR);
        assert_int_equal(disk_do(BLK_T_OUT, 0, 0), BLK_S_IOERR);
        assert_int_equal(disk_do(77, 0, 512), BLK_S_UNSUPP);
        assert_int_equal(world_counter("errors"), 5);
        assert_int_equal(world_counter("out-of-range"), 3);
        assert_int_equal(world_counter("malformed"), 2);
        assert_int_equal(world_counter("unsupported"), 1);
        expect_base(end - 1, 512);
    }
}

static void test_id(void **unused)
{
    (void)unused;
    disk_begin(DISK_RAM, 1, 0);
    memset(disk_data(0), 0x55, 32);
    assert_int_equal(disk_do(BLK_T_GET_ID, 0, 20), BLK_S_OK);
    assert_memory_equal(disk_data(0), "serial\0\0\0\0\0\0\0\0\0\0\0\0\0\0U", 21);
}

// What the used ring says was written begins at the front and has no gap: [VIRTIO] 2.7.8.
static void test_written(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t type, bytes, written;
        uint64_t sector;
    } cases[] = {
        {BLK_T_IN, 1024, 1025, 0},       {BLK_T_IN, 1024, 0, UINT64_MAX}, {BLK_T_OUT, 512, 1, 0},
        {BLK_T_OUT, 512, 1, UINT64_MAX}, {BLK_T_FLUSH, 0, 1, 0},          {BLK_T_GET_ID, 5, 6, 0},
        {BLK_T_GET_ID, 20, 21, 0},       {BLK_T_GET_ID, 100, 20, 0},
    };
    uint16_t head;
    uint32_t written;
    disk_begin(DISK_RAM, 1, BLK_F_FLUSH);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(disk_ask(0, 0, cases[i].type, cases[i].sector, cases[i].bytes));
        world_ring(1);
        disk_run();
        assert_true(world_used(0, &head, &written));
        assert_int_equal(written, cases[i].written);
    }
}

static uint8_t ranges(uint32_t type, uint64_t a, uint32_t a_sectors, uint64_t b, uint32_t b_sectors,
                      uint32_t flags)
{
    const struct blk_range r[] = {{a, a_sectors, flags}, {b, b_sectors, flags}};
    memcpy(disk_data(0), r, sizeof r);
    return disk_do(type, 0, sizeof r);
}

static void test_zeroes(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < WRITABLE; i++) {
        disk_begin(writable[i], 1, BLK_F_FLUSH);
        fill(0, 8192, 7);
        assert_int_equal(ranges(BLK_T_WRITE_ZEROES, 3, 10, 30, 20, 1), BLK_S_OK);
        expect_filled(0, 3 * 512, 7);
        expect_filled(3, 10 * 512, 0);
        expect_filled(13, 3 * 512, 7);
        expect_base(24, 6 * 512);
        expect_filled(34, 16 * 512, 0);
        expect_base(50, 2 * 512);
        assert_int_equal(ranges(BLK_T_WRITE_ZEROES, 0, 1, DISK_BYTES / BLK_SECTOR, 1, 0), BLK_S_IOERR);
        expect_filled(0, 512, 7); // none of the ranges had an effect
        assert_int_equal(ranges(BLK_T_WRITE_ZEROES, 0, 1, 0, 1, 2), BLK_S_UNSUPP);
        assert_int_equal(ranges(BLK_T_DISCARD, 0, 8, 9, 1, 0), BLK_S_OK);
        expect_filled(8, 512, 0); // a part of a block is left alone
        assert_int_equal(ranges(BLK_T_DISCARD, 0, 8, 9, 1, 1), BLK_S_UNSUPP);
        assert_int_equal(disk_do(BLK_T_DISCARD, 0, 15), BLK_S_IOERR);
    }
}

// What lacks a header, or even a status, harms nobody.
static void test_malformed(void **unused)
{
    (void)unused;
    uint16_t head;
    uint32_t written;
    disk_begin(DISK_RAM, 1, 0);
    const struct world_buffer status = {DISK_HEADERS + 32, 1, true}, half = {DISK_HEADERS, 8, false},
                              whole = {DISK_HEADERS, 16, false};
    const struct world_buffer both[] = {half, status};
    (void)world_add(0, &status, 1);
    (void)world_add(0, both, 2);
    (void)world_add(0, &whole, 1);
    *disk_status(0) = 0xaa;
    world_ring(1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_used(0, &head, &written));
    assert_int_equal(*disk_status(0), BLK_S_IOERR);
    assert_int_equal(world_counter("malformed"), 3);
    fill(0, 512, 1);
}

static void test_full(void **unused)
{
    (void)unused;
    disk_begin(DISK_OVER_RAM, 1, 0);
    for (unsigned i = 0; i < DISK_SPACE_BLOCKS; i++)
        fill(i * 8, 512, (uint8_t)(1 + i));
    assert_int_equal(disk_do(BLK_T_OUT, 100, 512), BLK_S_IOERR);
    assert_int_equal(disk_do(BLK_T_OUT, 108, 512), BLK_S_IOERR);
    assert_int_equal(d.full, 1);
    fill(9, 512, 77); // what is there can be written
    world_start();
    expect_filled(0, 512, 1);
    expect_filled(9, 512, 77);
    expect_base(100, 512);
    assert_int_equal(ranges(BLK_T_DISCARD, 0, 8, 8, 8, 0), BLK_S_OK); // two blocks are free again
    fill(100, 512, 9);
    fill(116, 512, 10);
    assert_int_equal(disk_do(BLK_T_OUT, 132, 512), BLK_S_IOERR);
    assert_int_equal(d.full, 2); // anew
    expect_filled(100, 512, 9);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(ranges(BLK_T_DISCARD, 96, 8, 112, 8, 0), BLK_S_OK);
        fill(100, 512, 9);
        fill(116, 512, 10);
        assert_int_equal(disk_do(BLK_T_OUT, 132, 512), BLK_S_IOERR);
    }
    assert_int_equal(d.full, 8); // every power of two
}

// A byte of the configuration says whether writes last at once.
static void test_cache_mode(void **unused)
{
    (void)unused;
    const uint64_t mode = VIRTIO_AT_CONFIG + offsetof(struct blk_config, writeback);
    disk_begin(DISK_PART, 1, BLK_F_FLUSH | BLK_F_CONFIG_WCE);
    assert_int_equal(world_read(mode, 1), 1);
    fill(0, 512, 1);
    assert_int_equal(d.lasting[0], 0);
    assert_int_equal(disk_do(BLK_T_FLUSH, 0, 0), BLK_S_OK);
    assert_int_equal(d.lasting[0], 1);
    world_write(mode, 1, 0);
    world_write(mode, 1, 2);
    world_start();
    disk_run();
    assert_int_equal(world_read(mode, 1), 0);
    fill(0, 512, 2);
    assert_int_equal(d.lasting[0], 2);
    disk_begin(DISK_OVER_PART, 1, 0); // without flushes to be asked for, too
    fill(1, 512, 3);
    disk_power_cut();
    disk_boot(0);
    expect_filled(1, 512, 3);
}

// ---- the host's disk ----

static void test_driver_dead(void **unused)
{
    (void)unused;
    uint16_t head;
    uint32_t written;
    disk_begin(DISK_PART, 1, BLK_F_FLUSH);
    d.driver_dead = true;
    memset(disk_data(0), 5, 512);
    assert_int_equal(disk_do(BLK_T_OUT, 3, 512), 0xff);
    world_start(); // and the server, too
    disk_run();
    assert_false(world_used(0, &head, &written));
    d.driver_dead = false;
    disk_run();
    assert_true(world_used(0, &head, &written));
    assert_int_equal(*disk_status(0), BLK_S_OK);
    expect_filled(3, 512, 5);
}

static void test_host_errors(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        disk_begin(i ? DISK_OVER_PART : DISK_PART, 1, BLK_F_FLUSH);
        fill(0, 4096, 1);
        d.broken = i ? 16 + 2 : 2;
        unsigned logged = world.logged;
        assert_int_equal(disk_do(BLK_T_IN, 0, 4096), BLK_S_IOERR);
        assert_int_equal(world.logged, logged + 1);
        assert_int_equal(disk_do(BLK_T_OUT, 2, 512), BLK_S_IOERR);
        expect_filled(3, 512, 1);
        d.broken = 0;
        expect_filled(2, 512, 1);
    }
}

static void expect_refused(unsigned lines)
{
    disk_boot(0);
    assert_int_equal(world.logged, lines);
    assert_int_equal(disk_do(BLK_T_IN, 0, 512), BLK_S_IOERR);
    assert_int_equal(disk_do(BLK_T_FLUSH, 0, 0), BLK_S_IOERR);
}

static void test_wrong_partition(void **unused)
{
    (void)unused;
    disk_begin(DISK_OVER_PART, 1, BLK_F_FLUSH);
    fill(0, 512, 1);
    assert_int_equal(disk_do(BLK_T_FLUSH, 0, 0), BLK_S_OK);
    disk_power_cut();
    d.media[20] ^= 1; // another disk's header
    expect_refused(1);
    disk_power_cut();
    d.media[20] ^= 1;
    d.media[4096 + 300] ^= 1; // the map
    expect_refused(1);
    disk_power_cut();
    d.channel.presence = BLOCK_ABSENT;
    expect_refused(1);
    disk_power_cut();
    d.channel.sectors = DISK_BYTES / BLK_SECTOR;
    expect_refused(2);
}

// Its requests end unheard, and nothing new begins before they have.
static void test_reset_under_way(void **unused)
{
    (void)unused;
    disk_begin(DISK_PART, 1, BLK_F_FLUSH);
    d.driver_dead = true;
    memset(disk_data(0), 1, 512);
    assert_int_equal(disk_do(BLK_T_OUT, 0, 512), 0xff);
    assert_int_equal(disk_do(BLK_T_IN, 0, 512), 0xff);
    world_drive(BLK_F_FLUSH, 1, 64, 0x8000);
    memset(disk_data(0), 0x77, 8192);
    assert_true(disk_ask(0, 1, BLK_T_OUT, 0, 512));
    memset(disk_data(1), 2, 512);
    world_ring(1);
    d.driver_dead = false;
    disk_run();
    assert_int_equal(disk_data(0)[0], 0x77); // nobody reads into a driver's memory that is gone
    assert_int_equal(d.media[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_write),      cmocka_unit_test(test_image),
        cmocka_unit_test(test_bounds),          cmocka_unit_test(test_id),
        cmocka_unit_test(test_zeroes),          cmocka_unit_test(test_written),
        cmocka_unit_test(test_malformed),       cmocka_unit_test(test_full),
        cmocka_unit_test(test_cache_mode),      cmocka_unit_test(test_driver_dead),
        cmocka_unit_test(test_host_errors),     cmocka_unit_test(test_wrong_partition),
        cmocka_unit_test(test_reset_under_way),
    };
    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
