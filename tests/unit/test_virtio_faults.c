// Whatever a driver gets wrong is named and counted, ends in NEEDS_RESET, and ends with a reset
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/virtio_echo.h"

static struct virtq_descriptor *descriptor(uint16_t i)
{
    return world_descriptor(&world.driver[0], i);
}

static void indirect(struct virtq_descriptor first, uint32_t bytes)
{
    memcpy(world_ram + 0x50000, &first, sizeof first);
    *descriptor(0) = (struct virtq_descriptor){0x50000, bytes, VIRTQ_FLAG_INDIRECT, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_head(void)
{
    world_offer(&world.driver[0], SIZE);
}

static void wrong_next(void)
{
    *descriptor(0) = (struct virtq_descriptor){DATA, 1, VIRTQ_FLAG_NEXT, SIZE};
    world_offer(&world.driver[0], 0);
}

static void wrong_loop(void)
{
    *descriptor(0) = (struct virtq_descriptor){DATA, 1, VIRTQ_FLAG_NEXT, 1};
    *descriptor(1) = (struct virtq_descriptor){DATA, 1, VIRTQ_FLAG_NEXT, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_flags(void)
{
    *descriptor(0) = (struct virtq_descriptor){DATA, 1, 8, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_memory(void)
{
    *descriptor(0) = (struct virtq_descriptor){WORLD_RAM - 4, 5, 0, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_address(void)
{
    *descriptor(0) = (struct virtq_descriptor){UINT64_MAX - 1, 5, 0, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_order(void)
{
    *descriptor(0) = (struct virtq_descriptor){DATA, 1, VIRTQ_FLAG_NEXT | VIRTQ_FLAG_WRITE, 1};
    *descriptor(1) = (struct virtq_descriptor){DATA, 1, 0, 0};
    world_offer(&world.driver[0], 0);
}

static void wrong_index(void)
{
    *world_index(world.driver[0].driver) = SIZE + 1;
}

static void wrong_nesting(void)
{
    indirect((struct virtq_descriptor){DATA, 16, VIRTQ_FLAG_INDIRECT, 0}, 16);
}

static void wrong_link(void)
{
    indirect((struct virtq_descriptor){DATA, 1, 0, 0}, 16);
    descriptor(0)->flags |= VIRTQ_FLAG_NEXT;
}

static void wrong_table_bytes(void)
{
    indirect((struct virtq_descriptor){DATA, 1, 0, 0}, 17);
}

static void wrong_table_memory(void)
{
    indirect((struct virtq_descriptor){DATA, 1, 0, 0}, 16);
    descriptor(0)->address = WORLD_RAM;
}

static void wrong_table_long(void)
{
    indirect((struct virtq_descriptor){DATA, 1, 0, 0}, 16 * (VIRTQ_CHAIN_MAX + 1));
}

static void wrong_feature(void)
{
    world_drive(0, 2, SIZE, RINGS);
    indirect((struct virtq_descriptor){DATA, 1, 0, 0}, 16);
}

static void again_with(uint16_t size, uint64_t skew, uint64_t at)
{
    WORLD_SET(status, 0);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    world_features(VIRTIO_F_VERSION_1);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    WORLD_SET(config_vector, 2);
    WORLD_SET(queue_select, 0);
    WORLD_SET(queue_size, size);
    WORLD_SET(queue_descriptors, RINGS);
    WORLD_SET(queue_driver, at);
    WORLD_SET(queue_device, RINGS + 0x2000 + skew);
    WORLD_SET(queue_enable, 1);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

static void wrong_size(void)
{
    again_with(12, 0, RINGS + 0x1000);
}

static void wrong_no_size(void)
{
    again_with(0, 0, RINGS + 0x1000);
}

static void wrong_large_size(void)
{
    again_with(256, 0, RINGS + 0x1000);
}

static void wrong_alignment(void)
{
    again_with(8, 2, RINGS + 0x1000);
}

static void wrong_ring_memory(void)
{
    again_with(8, 0, WORLD_RAM - 8);
}

static void wrong_used_index(void)
{
    *world_index(world.driver[0].device) = 100;
    world_start();
}

static const struct {
    void (*lie)(void);
    enum virtq_fault fault;
} lies[] = {
    {wrong_head, VIRTQ_HEAD},
    {wrong_next, VIRTQ_NEXT},
    {wrong_loop, VIRTQ_LOOP},
    {wrong_flags, VIRTQ_FLAGS},
    {wrong_memory, VIRTQ_BUFFER_MEMORY},
    {wrong_address, VIRTQ_BUFFER_MEMORY},
    {wrong_order, VIRTQ_ORDER},
    {wrong_index, VIRTQ_AVAILABLE_INDEX},
    {wrong_nesting, VIRTQ_INDIRECT_NESTED},
    {wrong_link, VIRTQ_INDIRECT_NEXT},
    {wrong_table_bytes, VIRTQ_INDIRECT_BYTES},
    {wrong_table_memory, VIRTQ_INDIRECT_MEMORY},
    {wrong_table_long, VIRTQ_LONG},
    {wrong_feature, VIRTQ_INDIRECT_REFUSED},
    {wrong_size, VIRTQ_SIZE},
    {wrong_no_size, VIRTQ_SIZE},
    {wrong_large_size, VIRTQ_SIZE},
    {wrong_alignment, VIRTQ_RING_ALIGNMENT},
    {wrong_ring_memory, VIRTQ_RING_MEMORY},
    {wrong_used_index, VIRTQ_USED_INDEX},
};

// Each is named and counted, ends in NEEDS_RESET and an interrupt, survives a restart, and ends with a reset.
static void test_lies(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        begin_driven(VIRTIO_F_INDIRECT);
        uint64_t generation = WORLD_GET(generation);
        lies[i].lie();
        world_ring(1);
        if (world_counter(virtq_fault_names[lies[i].fault]) != 1)
            fail_msg("lie %zu is not counted as %s", i, virtq_fault_names[lies[i].fault]);
        assert_int_equal(WORLD_GET(status) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
        assert_int_not_equal(WORLD_GET(generation), generation);
        assert_int_equal(world_take_vectors() & 1 << 2, 1 << 2);
        assert_int_equal(world.logged, 1);
        unsigned before = ran;
        world_start();
        world_ring(3);
        assert_int_equal(ran, before);
        assert_int_equal(world.logged, 1);
        world_drive(0, 2, SIZE, RINGS);
        add_text(0, "abc");
        world_ring(1);
        expect_turned(0, "cba");
    }
}

// A guest that goes on lying is counted, but fills no log.
static void test_many(void **unused)
{
    (void)unused;
    begin_driven(0);
    for (unsigned i = 0; i < 1000; i++) {
        wrong_head();
        world_ring(1);
        world_drive(0, 2, SIZE, RINGS);
    }
    assert_int_equal(world_counter("fault-head"), 1000);
    assert_int_equal(world.logged, 8 + 6); // 16 to 512
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lies), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests_name("virtio faults", tests, NULL, NULL);
}
