// The driver of the host's virtio disk against a model of it, which may lie
// SPDX-License-Identifier: MIT
//
// LINK: servers/drivers/virtio-blk/disk.c servers/common/host_function.c
// LINK: servers/common/host_places.c servers/common/host_queue.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "libipc/time.h"
#include "servers/drivers/virtio-blk/disk.h"
#include "tests/unit/last_line.h"
#include "tests/unit/virtio_blk_model.h"

enum { TAGS = 16, PAGE_SECTORS = BLOCK_PAGE / BLOCK_SECTOR };

uint64_t tsc_per_ns; // zero: all patience has an end at once

static struct disk disk;
static struct block_disk found;
static uint8_t memory[HOST_QUEUE_PAGES + 1][BLOCK_PAGE] __attribute__((aligned(4096)));
static uint8_t buffer[TAGS][BLOCK_PAGES][BLOCK_PAGE] __attribute__((aligned(4096)));
static uint64_t addresses[TAGS][BLOCK_PAGES];
static uint32_t space[64]; // configuration space

static int set_up(void **state)
{
    (void)state;
    model_disk_init();
    tsc_per_ns = UINT64_C(1) << 32;
    last_line[0] = 0;
    disk = (struct disk){.function.places = model_places,
                         .requests = (struct disk_requests *)(void *)memory[HOST_QUEUE_PAGES],
                         .address = (uintptr_t)memory[HOST_QUEUE_PAGES]};
    model_queue(&disk.queue, memory);
    for (unsigned t = 0; t < TAGS; t++)
        for (unsigned i = 0; i < BLOCK_PAGES; i++)
            addresses[t][i] = (uintptr_t)buffer[t][BLOCK_PAGES - 1 - i]; // nothing is contiguous
    memset(buffer, 0, sizeof buffer);
    return 0;
}

static void open_disk(void)
{
    disk_open(&disk, &found);
    assert_int_equal(found.sectors, MODEL_SECTORS);
}

static bool submit(uint32_t tag, enum block_op op, uint64_t sector, uint32_t sectors)
{
    struct block_job job = {.op = op, .sector = sector, .sectors = sectors, .pages = addresses[tag]};
    return disk_submit(&disk, tag, &job);
}

static void expect(uint32_t tag, enum block_status status)
{
    uint32_t ended = UINT32_MAX;
    enum block_status said = BLOCK_REFUSED;
    assert_true(disk_poll(&disk, &ended, &said));
    assert_int_equal(ended, tag);
    assert_int_equal(said, status);
}

static void expect_nothing(void)
{
    uint32_t tag;
    enum block_status status;
    assert_false(disk_poll(&disk, &tag, &status));
}

static void opens(void **state)
{
    (void)state;
    model.offered |= VIRTIO_F(5) | VIRTIO_F(28) | VIRTIO_F(33);
    model.config[1] = 1;
    disk_open(&disk, &found);
    assert_true(found.sectors == (UINT64_C(1) << 32 | MODEL_SECTORS));
    assert_int_equal(found.flags, BLOCK_READ_ONLY | BLOCK_CACHED);
    assert_true(model.agreed == (model.offered & ~VIRTIO_F(28))); // indirect descriptors are not used
    assert_int_equal(model.common.status, 15);
    assert_int_equal(model.common.queue_enable, 1);
    model.offered = VIRTIO_F_VERSION_1;
    model.config[1] = 0;
    model.config[5] = 4096; // means nothing without the feature
    disk_open(&disk, &found);
    assert_int_equal(found.sectors, MODEL_SECTORS);
    assert_int_equal(found.flags, 0);
}

static void refused(const char *why)
{
    disk_open(&disk, &found);
    assert_int_equal(found.sectors, 0);
    assert_non_null(strstr(last_line, why));
    assert_true(submit(0, BLOCK_READ, 0, 1));
    assert_true(disk_deadline(&disk) <= now());
    expect(0, BLOCK_ERROR);
    set_up(NULL);
}

static void refuses(void **state)
{
    (void)state;
    model.offered &= ~VIRTIO_F_VERSION_1;
    refused("first version");
    model.refuses_features = true;
    refused("does not agree");
    model.does_not_rest = true;
    model.common.status = 15;
    refused("cannot be reset");
    model.config[5] = 4096;
    refused("not of 512 bytes");
    model.config[3] = 31;
    refused("too few pages");
    model.offered |= VIRTIO_F(1);
    model.config[2] = 4095;
    refused("no pages at once");
    model.common.queue_size = 32;
    refused("too short");
    model.common.queue_size = 65;
    refused("too short");
    model.common.queue_notify_off = 0x400;
    refused("doorbell");
    model.common.queue_notify_off = 0xffff;
    disk.function.places.notify_step = UINT32_MAX;
    refused("doorbell");
}

// Each of so many requests, with all else under way; twice around all 16-bit indices.
static void works(void **state)
{
    (void)state;
    open_disk();
    uint8_t mirror[MODEL_SECTORS] = {0}, fill = 0;
    for (unsigned i = 0; i < 140000; i++) {
        uint32_t tag = (uint32_t)rand() % TAGS, sectors = 1 + (uint32_t)rand() % (2 * PAGE_SECTORS);
        uint64_t sector = (uint32_t)rand() % (MODEL_SECTORS - sectors);
        enum block_op op = (enum block_op)(rand() % BLOCK_OPS);
        fill++;
        for (uint32_t s = 0; s < sectors; s++)
            memset((char *)addresses[tag][s / PAGE_SECTORS] + (size_t)s % PAGE_SECTORS * 512,
                   op == BLOCK_WRITE ? fill : 0xee, 512);
        assert_true(submit(tag, op, sector, op == BLOCK_FLUSH ? 0 : sectors));
        expect_nothing();
        assert_true(model_disk_serve());
        expect(tag, BLOCK_OK);
        for (uint32_t s = 0; s < sectors && op != BLOCK_FLUSH; s++) {
            mirror[sector + s] = op == BLOCK_WRITE ? fill : mirror[sector + s];
            const uint8_t *at = (const uint8_t *)addresses[tag][s / PAGE_SECTORS] + s % PAGE_SECTORS * 512;
            assert_int_equal(at[0], mirror[sector + s]);
            assert_int_equal(at[511], mirror[sector + s]);
        }
    }
    assert_int_equal(model.doorbells, 140000);
    assert_int_equal(disk_deadline(&disk), DEADLINE_NONE);
    assert_int_equal(model.resets, 1);
}

static void fills_up(void **state)
{
    (void)state;
    open_disk();
    for (uint32_t t = 0; t < 7; t++) // 34 descriptors each
        assert_true(submit(t, BLOCK_WRITE, 0, BLOCK_PAGES * PAGE_SECTORS));
    assert_false(submit(7, BLOCK_WRITE, 0, BLOCK_PAGES * PAGE_SECTORS));
    assert_true(submit(7, BLOCK_WRITE, 0, PAGE_SECTORS));
    *model_word(model.common.queue_device, VIRTQ_RING_FLAGS) = 1;
    assert_true(submit(8, BLOCK_WRITE, 0, PAGE_SECTORS));
    assert_int_equal(model.doorbells, 8); // the last was not wanted
    while (model_disk_serve())
        ;
    for (uint32_t t = 0; t < 9; t++)
        expect(t, BLOCK_OK);
    assert_true(submit(7, BLOCK_WRITE, 0, BLOCK_PAGES * PAGE_SECTORS));
}

static void errors(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {1, 2, 3, 0xff};
    open_disk();
    for (unsigned i = 0; i < sizeof statuses; i++) {
        model_disk.status = statuses[i];
        assert_true(submit(0, BLOCK_WRITE, 0, 1));
        model_disk_serve();
        expect(0, BLOCK_ERROR);
    }
    assert_non_null(strstr(last_line, "status 255"));
    model_disk.status = 0;
    model.lie = LIE_SHORT;
    model.lies_left = 1;
    assert_true(submit(0, BLOCK_READ, 0, 1));
    model_disk_serve();
    expect(0, BLOCK_ERROR);
    model.lie = LIE_NO_STATUS;
    model.lies_left = 1;
    assert_true(submit(0, BLOCK_READ, 0, 1));
    model_disk_serve();
    expect(0, BLOCK_ERROR);
    assert_int_equal(model.resets, 1); // the device itself is well
}

// It is reset, and what was under way is done after all.
static void lies(void **state)
{
    (void)state;
    for (enum model_lie lie = LIE_HEAD_BEYOND; lie <= LIE_INDEX; lie++) {
        set_up(NULL);
        open_disk();
        memset(model_disk.data + 512, 0x77, 512);
        assert_true(submit(3, BLOCK_READ, 1, 1));
        assert_true(submit(5, BLOCK_READ, 1, 1));
        model.lie = lie;
        model.lies_left = 1;
        model_disk_serve();
        if (lie == LIE_TWICE)
            expect(3, BLOCK_OK);
        expect_nothing();
        assert_int_equal(model.resets, 2);
        assert_non_null(strstr(last_line, "cannot be"));
        while (model_disk_serve())
            ;
        if (lie != LIE_TWICE)
            expect(3, BLOCK_OK);
        expect(5, BLOCK_OK);
        assert_int_equal(*(uint8_t *)addresses[5][0], 0x77);
        expect_nothing();
    }
}

static void always_lies(void **state)
{
    (void)state;
    open_disk();
    assert_true(submit(0, BLOCK_READ, 0, 1));
    model.lie = LIE_BYTES;
    model.lies_left = UINT32_MAX;
    for (unsigned i = 1; i < DISK_ATTEMPTS; i++) {
        model_disk_serve();
        expect_nothing();
    }
    model_disk_serve();
    expect(0, BLOCK_ERROR);
    assert_int_equal(model.resets, 1 + DISK_ATTEMPTS);
    model.lie = LIE_NOT;
    assert_true(submit(0, BLOCK_READ, 0, 1));
    model_disk_serve();
    expect(0, BLOCK_OK);
}

static void gives_up(void **state)
{
    (void)state;
    open_disk();
    assert_true(submit(0, BLOCK_FLUSH, 0, 0));
    model.isr = VIRTIO_ISR_CONFIG; // something changed, but it is well
    expect_nothing();
    assert_int_equal(model.resets, 1);
    model.common.status |= VIRTIO_NEEDS_RESET;
    model.isr = VIRTIO_ISR_CONFIG;
    expect_nothing();
    assert_int_equal(model.resets, 2);
    model_disk_serve();
    expect(0, BLOCK_OK);
    assert_true(submit(1, BLOCK_FLUSH, 0, 0)); // and when it cannot be started again
    model.common.status |= VIRTIO_NEEDS_RESET;
    model.isr = VIRTIO_ISR_CONFIG;
    model.refuses_features = true;
    expect(1, BLOCK_ERROR);
    assert_non_null(strstr(last_line, "any more"));
    assert_true(submit(2, BLOCK_FLUSH, 0, 0));
    expect(2, BLOCK_ERROR);
}

static void is_silent(void **state)
{
    (void)state;
    open_disk();
    assert_true(submit(0, BLOCK_FLUSH, 0, 0));
    assert_true(disk_deadline(&disk) > now() && disk_deadline(&disk) != DEADLINE_NONE);
    disk.give_up = 0;
    expect_nothing();
    assert_int_equal(model.resets, 2);
    assert_non_null(strstr(last_line, "does not answer"));
    tsc_per_ns = 0;
    disk.give_up = 0;
    expect(0, BLOCK_ERROR);
    assert_int_equal(disk_deadline(&disk), DEADLINE_NONE);
}

static uint32_t read_space(uint32_t offset)
{
    assert_true(offset < sizeof space && offset % 4 == 0);
    return space[offset / 4];
}

static void add_place(uint32_t at, uint32_t next, uint32_t kind, uint32_t bar, uint32_t offset,
                      uint32_t bytes)
{
    space[at / 4] = kind << 24 | UINT32_C(20) << 16 | next << 8 | 9;
    space[at / 4 + 1] = bar;
    space[at / 4 + 2] = offset;
    space[at / 4 + 3] = bytes;
    space[at / 4 + 4] = MODEL_STEP;
}

static const char *find(struct host_places *to)
{
    return host_find_places(read_space, 4, 0x4000, DISK_CONFIG_BYTES, to);
}

static void places(void **state)
{
    (void)state;
    struct host_places p;
    memset(space, 0, sizeof space);
    assert_string_equal(find(&p), "no common registers");
    space[1] = 1 << 20;
    space[13] = 0x40;
    add_place(0x40, 0x54, VIRTIO_PLACE_COMMON, 4, 0, 56);
    add_place(0x54, 0x68, VIRTIO_PLACE_ISR, 4, 0x1000, 1);
    add_place(0x68, 0x7c, VIRTIO_PLACE_DEVICE, 4, 0x2000, 24);
    add_place(0x7c, 0x90, VIRTIO_PLACE_NOTIFY, 4, 0x3000, 0x1000);
    add_place(0x90, 0x40, VIRTIO_PLACE_COMMON, 4, 0x100, 56); // a second one, and back to the first
    assert_null(find(&p));
    assert_int_equal(p.common, 0);
    assert_int_equal(p.isr, 0x1000);
    assert_int_equal(p.config, 0x2000);
    assert_int_equal(p.notify, 0x3000);
    assert_int_equal(p.notify_bytes, 0x1000);
    assert_int_equal(p.notify_step, MODEL_STEP);
    space[0x7c / 4 + 3] = 0x1001;
    assert_string_equal(find(&p), "no doorbells"); // beyond the BAR
    space[0x7c / 4 + 2] = UINT32_MAX;
    assert_string_equal(find(&p), "no doorbells");
    space[0x68 / 4 + 3] = 23;
    space[0x7c / 4 + 2] = 0x3000;
    space[0x7c / 4 + 3] = 0x1000;
    assert_string_equal(find(&p), "no configuration");
    space[0x54 / 4 + 1] = 2;
    assert_string_equal(find(&p), "no interrupt status"); // in another BAR
    add_place(0xec, 0, VIRTIO_PLACE_ISR, 4, 0x1000, 1);
    space[0x54 / 4] = 0xec << 8 | 9;
    assert_string_equal(find(&p), "no doorbells"); // the list leads away from it
    for (unsigned i = 0; i < 1000; i++) {          // whatever is there, it comes to an end
        for (unsigned w = 0; w < 64; w++)
            space[w] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
        (void)find(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(opens, set_up),       cmocka_unit_test_setup(refuses, set_up),
        cmocka_unit_test_setup(works, set_up),       cmocka_unit_test_setup(fills_up, set_up),
        cmocka_unit_test_setup(errors, set_up),      cmocka_unit_test_setup(lies, set_up),
        cmocka_unit_test_setup(always_lies, set_up), cmocka_unit_test_setup(gives_up, set_up),
        cmocka_unit_test_setup(is_silent, set_up),   cmocka_unit_test(places)};
    return cmocka_run_group_tests_name("virtio-blk", tests, NULL, NULL);
}
