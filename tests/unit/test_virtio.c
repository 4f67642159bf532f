// The virtio layer: registers, negotiation, requests, interrupts, resets
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/virtio_echo.h"

// ---- registers ----

static void test_registers(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(WORLD_GET(queues), 2);
    assert_int_equal(WORLD_GET(queue_size), 128);
    assert_int_equal(WORLD_GET(config_vector), VIRTIO_NO_VECTOR);
    WORLD_SET(device_feature_select, 0);
    assert_int_equal(WORLD_GET(device_feature), VIRTIO_F(3) | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX);
    WORLD_SET(device_feature_select, 1);
    assert_int_equal(WORLD_GET(device_feature), (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET) >> 32);
    WORLD_SET(device_feature_select, 2);
    assert_int_equal(WORLD_GET(device_feature), 0);
    WORLD_SET(queue_descriptors, 0x1122334455667788);
    world_write(COMMON(queue_descriptors) + 1, 2, 0xaaaa); // parts, as a memory would have them
    assert_int_equal(WORLD_GET(queue_descriptors), 0x1122334455aaaa88);
    assert_int_equal(world_read(COMMON(queue_descriptors) + 2, 1), 0xaa);
    WORLD_SET(queue_select, 1);
    assert_int_equal(WORLD_GET(queue_notify_off), 1);
    assert_int_equal(WORLD_GET(queue_descriptors), 0);
    WORLD_SET(queue_select, 2); // there is no such queue
    WORLD_SET(queue_size, 4);
    WORLD_SET(queue_enable, 1);
    assert_int_equal(WORLD_GET(queue_size), 0);
    assert_int_equal(WORLD_GET(queue_enable), 0);
    assert_int_equal(WORLD_GET(queue_vector), VIRTIO_NO_VECTOR);
    WORLD_SET(queue_select, 0);
    WORLD_SET(queue_vector, 2);
    assert_int_equal(WORLD_GET(queue_vector), 2);
    WORLD_SET(queue_vector, 3); // there is no such vector
    assert_int_equal(WORLD_GET(queue_vector), VIRTIO_NO_VECTOR);
    WORLD_SET(queues, 7); // read-only
    assert_int_equal(WORLD_GET(queues), 2);
}

static void test_device_config(void **unused)
{
    (void)unused;
    begin();
    assert_int_equal(world_read(VIRTIO_AT_CONFIG, 4), 0x33323130);
    assert_int_equal(world_read(VIRTIO_AT_CONFIG + 8, 4), 0x3938); // and zeros behind its end
    assert_int_equal(world_read(VIRTIO_AT_CONFIG + 9, 1), '9');
    assert_int_equal(world_read(VIRTIO_AT_CONFIG + 10, 8), 0);
    assert_int_equal(world_read(VIRTIO_REGISTER_BYTES - 1, 8), 0);
    world_write(VIRTIO_AT_CONFIG, 4, 0);
    assert_int_equal(world_read(VIRTIO_AT_CONFIG, 1), '0');
    uint64_t generation = WORLD_GET(generation);
    virtio_config_changed(&world.v);
    assert_int_not_equal(WORLD_GET(generation), generation);
    assert_int_equal(world_take_vectors(), 0); // there is no driver to be told
}

// Any access of any width at any place is survived, and what is not ours reads as zeros.
static void test_every_access(void **unused)
{
    (void)unused;
    begin_driven(0);
    for (uint64_t offset = 0; offset < VIRTIO_REGISTER_BYTES; offset += offset < 0x80 ? 1 : 61)
        for (uint32_t size = 1; size <= 8; size *= 2) {
            (void)world_read(offset, size);
            world_write(offset, size, offset * 0x9e3779b97f4a7c15);
        }
    WORLD_SET(status, 0);
    assert_int_equal(virtio_read(&world.v, 0, 0, 2), 0);
}

// ---- negotiation ----

static void test_features(void **unused)
{
    (void)unused;
    begin();
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    world_features(VIRTIO_F(3)); // no VERSION_1
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    assert_int_equal(WORLD_GET(status), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    world_features(VIRTIO_F_VERSION_1 | VIRTIO_F(4)); // not offered
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    assert_false(WORLD_GET(status) & VIRTIO_FEATURES_OK);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
    assert_false(WORLD_GET(status) & VIRTIO_DRIVER_OK);
    world_features(VIRTIO_F_VERSION_1 | VIRTIO_F(3));
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    assert_true(WORLD_GET(status) & VIRTIO_FEATURES_OK);
    world_features(VIRTIO_F_VERSION_1); // too late
    WORLD_SET(driver_feature_select, 0);
    assert_int_equal(WORLD_GET(driver_feature), VIRTIO_F(3));
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE); // bits are taken away by a reset alone
    assert_true(WORLD_GET(status) & VIRTIO_FEATURES_OK);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_FAILED);
    assert_true(WORLD_GET(status) & VIRTIO_FAILED);
    WORLD_SET(status, 0);
    assert_int_equal(WORLD_GET(status), 0);
    assert_int_equal(WORLD_GET(driver_feature), 0);
}

// ---- requests ----

static void test_requests(void **unused)
{
    (void)unused;
    begin_driven(0);
    add_text(0, "hello");
    world_ring(1);
    assert_int_equal(world_take_vectors(), 1);
    expect_turned(0, "olleh");
    add_text(1, "abc");
    world_ring(3);
    assert_int_equal(world_take_vectors(), 2);
    expect_turned(1, "cba");
    *(uint16_t *)(void *)(world_ram + world.driver[0].driver) = 1; // no interrupts wanted
    add_text(0, "xy");
    world_ring(1);
    assert_int_equal(world_take_vectors(), 0);
    expect_turned(0, "yx");
    unsigned commits = world.commits;
    add_text(0, "xyz");
    world_ring(1);
    assert_int_equal(world.commits, commits); // the ring is the log
}

static void test_indirect(void **unused)
{
    (void)unused;
    begin_driven(VIRTIO_F_INDIRECT);
    struct virtq_descriptor *table =
        (struct virtq_descriptor *)(void *)(world_ram + 0x50001); // any alignment
    const struct virtq_descriptor d[] = {{DATA, 3, VIRTQ_FLAG_NEXT, 2},
                                         {DATA + 0x1000, 8, VIRTQ_FLAG_WRITE, 0},
                                         {DATA + 3, 3, VIRTQ_FLAG_NEXT, 1}};
    memcpy(world_ram + DATA, "abcdef", 6);
    memcpy(table, d, sizeof d);
    const struct world_buffer b = {0x50001, sizeof d, false};
    uint16_t head = world_add(0, &b, 1);
    world_descriptor(&world.driver[0], head)->flags = VIRTQ_FLAG_INDIRECT;
    world_ring(1);
    expect_turned(0, "fedcba");
}

// Both indices pass 65535, with every size.
static void test_wrap(void **unused)
{
    (void)unused;
    begin();
    for (uint16_t size = 4; size <= 128; size *= 2) {
        world_drive(VIRTIO_F_EVENT_IDX, 1, size, RINGS);
        for (unsigned i = 0; i < 70000; i++) {
            uint16_t old = world.driver[0].available;
            world_want_interrupt(0);
            add_text(0, "ab");
            assert_true(world_wants_doorbell(0, old));
            world_ring(1);
            assert_int_equal(world_take_vectors() & 1, 1);
            expect_turned(0, "ba");
        }
    }
}

// A busy device is not rung for, and many completions are one interrupt.
static void test_event_index(void **unused)
{
    (void)unused;
    begin_driven(VIRTIO_F_EVENT_IDX);
    uint64_t before = world_counter("interrupts");
    uint16_t head;
    uint32_t written;
    world_want_interrupt(0);
    add_text(0, "ab");
    uint16_t old = world.driver[0].available;
    add_text(0, "cd");
    assert_false(world_wants_doorbell(0, old)); // it was rung for the first
    world_ring(1);
    assert_int_equal(world_counter("interrupts"), before + 1);
    assert_true(world_used(0, &head, &written) && world_used(0, &head, &written));
    assert_false(world_used(0, &head, &written));
    (void)world_take_vectors();
    add_text(0, "ef");
    world_ring(1);
    assert_int_equal(world_take_vectors(), 0); // it did not ask for another
}

// ---- interrupts by line ----

static void test_line(void **unused)
{
    (void)unused;
    begin_driven(0);
    world.page.control = BUS_CONTROL_MASTER;
    world_bus();
    add_text(0, "ab");
    world_ring(1);
    assert_int_equal(world.page.line.level, 1);
    assert_int_equal(world_take_vectors(), 0);
    unsigned signals = world.signals; // of which the last one was not sent any more
    world_start();
    assert_int_equal(world.page.line.level, 1);
    assert_true(world.signals > signals);
    assert_int_equal(world_read(VIRTIO_AT_ISR, 1), VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
    assert_int_equal(world_read(VIRTIO_AT_ISR, 1), 0);
    expect_turned(0, "ba");
    add_text(0, "ab");
    world_ring(1);
    uint32_t changes = world.page.line.changes;
    assert_int_equal(world_read(VIRTIO_AT_ISR, 1), VIRTIO_ISR_QUEUE);
    assert_int_equal(world.page.line.level, 0);
    assert_int_equal(world.page.line.changes, changes + 1);
    assert_int_equal(world_read(VIRTIO_AT_ISR, 1), 0);
    virtio_config_changed(&world.v);
    world_settle();
    assert_int_equal(world_read(VIRTIO_AT_ISR, 4), VIRTIO_ISR_CONFIG);
    add_text(0, "cd");
    world_ring(1);
    WORLD_SET(status, 0); // a reset ends what is pending
    assert_int_equal(world.page.line.level, 0);
}

// ---- resets ----

static void test_machine_reset(void **unused)
{
    (void)unused;
    begin_driven(0);
    add_text(0, "ab");
    world.page.resets++;
    world.page.control = 0;
    world_ring(1); // of the dead guest
    uint16_t head;
    uint32_t written;
    assert_false(world_used(0, &head, &written));
    assert_int_equal(WORLD_GET(status), 0);
    world.page.control = BUS_CONTROL_MASTER | BUS_CONTROL_MSIX;
    world_bus();
    world_drive(0, 2, 4, 0x20000); // another driver, other rings
    add_text(1, "abc");
    world_ring(2);
    expect_turned(1, "cba");
}

// Without bus mastering nothing is read or written; afterwards it goes on.
static void test_bus_master(void **unused)
{
    (void)unused;
    begin_driven(0);
    world.page.control = BUS_CONTROL_MSIX;
    world_bus();
    uint8_t before[0x100];
    uint16_t head;
    uint32_t written;
    add_text(0, "ab");
    memcpy(before, world_ram + world.driver[0].device, sizeof before);
    world_ring(1);
    assert_memory_equal(before, world_ram + world.driver[0].device, sizeof before);
    assert_false(world_used(0, &head, &written));
    world.page.control |= BUS_CONTROL_MASTER;
    world_bus();
    expect_turned(0, "ba");
    assert_int_equal(world_take_vectors() & 1, 1);
}

static void test_queue_reset(void **unused)
{
    (void)unused;
    begin_driven(VIRTIO_F_RING_RESET);
    add_text(0, "ab");
    world_ring(1);
    expect_turned(0, "ba");
    unsigned before = reset_queues;
    WORLD_SET(queue_select, 0);
    WORLD_SET(queue_reset, 1);
    assert_int_equal(WORLD_GET(queue_reset), 0);
    assert_int_equal(WORLD_GET(queue_enable), 0);
    assert_int_equal(reset_queues, before + 1);
    world_queue_at(0, 16, 0x28000);
    add_text(0, "abcd");
    world_ring(1);
    expect_turned(0, "dcba");
    add_text(1, "12");
    world_ring(2);
    expect_turned(1, "21");
}

static void test_second_driver(void **unused)
{
    (void)unused;
    begin();
    started = reset_all = 0;
    for (unsigned i = 0; i < 3; i++) {
        world_drive(i == 1 ? VIRTIO_F_EVENT_IDX : 0, 2, (uint16_t)(4 << i), 0x10000 + 0x1000 * i);
        add_text(0, "abc");
        world_ring(1);
        expect_turned(0, "cba");
    }
    assert_int_equal(started, 3);
    assert_int_equal(reset_all, 3);
}

// ---- what the bus is told ----

static void test_function(void **unused)
{
    (void)unused;
    struct bus_function f;
    begin();
    virtio_function(&world.v, &f);
    assert_int_equal(f.vendor, 0x1af4);
    assert_int_equal(f.device, 0x1040 + 30);
    assert_int_equal(f.vectors, 3);
    assert_int_equal(f.doorbells, 2);
    unsigned seen = 0;
    for (unsigned at = 0; at < f.capability_bytes; at += f.capability[at + 2]) {
        assert_int_equal(f.capability[at], 9);
        assert_int_equal(f.capability[at + 2] % 4, 0);
        seen |= 1u << f.capability[at + 3];
        if (f.capability[at + 3] == VIRTIO_PLACE_WINDOW)
            assert_int_equal(f.window, at + 1);
    }
    assert_int_equal(seen, 0x3e); // all five kinds
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),     cmocka_unit_test(test_device_config),
        cmocka_unit_test(test_every_access),  cmocka_unit_test(test_features),
        cmocka_unit_test(test_requests),      cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_wrap),          cmocka_unit_test(test_event_index),
        cmocka_unit_test(test_line),          cmocka_unit_test(test_machine_reset),
        cmocka_unit_test(test_bus_master),    cmocka_unit_test(test_queue_reset),
        cmocka_unit_test(test_second_driver), cmocka_unit_test(test_function),
    };
    return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
