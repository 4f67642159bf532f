// A network card: what its driver commands and agrees to, and its link
// SPDX-License-Identifier: MIT
// LINK: servers/net/filter.c servers/net/frames.c servers/net/nic.c
// LINK: servers/common/net_head.c servers/common/copy.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nic_world.h"

static uint8_t command_bytes(const uint8_t *bytes, uint32_t count)
{
    const struct world_buffer parts[] = {{CONTROL, count, false}, {CONTROL + 0x800, 1, true}};
    uint16_t used;
    uint32_t written;
    memcpy(world_ram + CONTROL, bytes, count);
    world_ram[CONTROL + 0x800] = 0x77;
    assert_int_not_equal(world_add(NIC_CONTROL, parts, count ? 2 : 1), UINT16_MAX);
    ring(NIC_CONTROL);
    if (world_used(NIC_CONTROL, &used, &written))
        assert_int_equal(written, 1);
    return world_ram[CONTROL + 0x800];
}
#define COMMAND(...) command_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static unsigned gets(const uint8_t *to, uint32_t vlan)
{
    uint8_t frame[64] = {0};
    uint16_t used;
    uint32_t written;
    memcpy(frame, to, NET_ADDRESS);
    if (vlan)
        memcpy(frame + NET_TAG_AT, (const uint8_t[]){0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan}, NET_TAG);
    offer(0, 200);
    ring(NIC_RECEIVE);
    switch_gives((struct net_head){.bytes = 64}, frame);
    stir();
    if (world_used(NIC_RECEIVE, &used, &written))
        return 1;
    make(frame, 0, 64); // take the buffer back
    uint8_t modes = nic.state->filter.modes;
    nic.state->filter.modes = 1 << NIC_PROMISCUOUS;
    switch_gives((struct net_head){.bytes = 64}, frame);
    stir();
    nic.state->filter.modes = modes;
    assert_true(world_used(NIC_RECEIVE, &used, &written));
    return 0;
}

static void test_filter(void **unused)
{
    (void)unused;
    static const uint8_t all[] = {255, 255, 255, 255, 255, 255}, group[] = {1, 0, 94, 0, 0, 1},
                         group2[] = {1, 0, 94, 0, 0, 2}, other[] = {2, 0, 0, 0, 0, 9},
                         another[] = {2, 0, 0, 0, 0, 10};
    begin(0);
    assert_int_equal(gets(other, 0), 1); // everything, at first
    assert_int_equal(COMMAND(0, 0, 0), NIC_OK);
    assert_int_equal(gets(other, 0) + gets(group, 0), 0);
    assert_int_equal(gets(own, 0) + gets(all, 0), 2);
    assert_int_equal(COMMAND(1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 1, 0, 0, 0, 1, 0, 94, 0, 0, 1), NIC_OK);
    assert_int_equal(gets(other, 0) + gets(group, 0), 2);
    assert_int_equal(gets(another, 0) + gets(group2, 0), 0);
    assert_int_equal(COMMAND(0, 1, 1), NIC_OK); // all groups
    assert_int_equal(gets(group2, 0), 1);
    assert_int_equal(COMMAND(0, 3, 1), NIC_OK); // none
    assert_int_equal(gets(group2, 0), 0);
    assert_int_equal(COMMAND(0, 5, 1), NIC_OK); // nor to everybody
    assert_int_equal(gets(all, 0), 0);
    assert_int_equal(COMMAND(0, 2, 1), NIC_OK); // all single ones
    assert_int_equal(gets(another, 0), 1);
    assert_int_equal(COMMAND(0, 4, 1), NIC_OK); // none
    assert_int_equal(gets(own, 0), 0);
    assert_int_equal(COMMAND(0, 4, 0), NIC_OK);
    assert_int_equal(gets(own, 5), 0); // no VLAN yet
    assert_int_equal(COMMAND(2, 0, 5, 0), NIC_OK);
    assert_int_equal(gets(own, 5), 1);
    assert_int_equal(gets(own, 6), 0);
    assert_int_equal(COMMAND(2, 1, 5, 0), NIC_OK);
    assert_int_equal(gets(own, 5), 0);
    assert_int_equal(COMMAND(1, 1, 2, 0, 0, 0, 0, 10), NIC_OK); // another address
    assert_memory_equal(nic.config.address, another, NET_ADDRESS);
    world_drive(ALL, NIC_QUEUES, SIZE, RINGS);
    assert_memory_equal(nic.config.address, own, NET_ADDRESS);
}

static void test_commands_that_are_none(void **unused)
{
    (void)unused;
    begin(0);
    assert_int_equal(COMMAND(0, 6, 1), NIC_ERROR);
    assert_int_equal(COMMAND(0, 0, 2), NIC_ERROR);
    assert_int_equal(COMMAND(0, 0), NIC_ERROR);
    assert_int_equal(COMMAND(1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 9), NIC_ERROR);
    assert_int_equal(COMMAND(1, 0, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9), NIC_ERROR);
    assert_int_equal(COMMAND(1, 1, 3, 0, 0, 0, 0, 1), NIC_ERROR); // of a group
    assert_int_equal(COMMAND(1, 2, 2, 0, 0, 0, 0, 1), NIC_ERROR);
    assert_int_equal(COMMAND(2, 0, 0, 16), NIC_ERROR);
    assert_int_equal(COMMAND(2, 2, 1, 0), NIC_ERROR);
    assert_int_equal(COMMAND(3, 1), NIC_ERROR);
    assert_int_equal(COMMAND(4, 0, 1, 0), NIC_ERROR); // several pairs of queues
    assert_int_equal(COMMAND(77, 0), NIC_ERROR);
    begin(NIC_F_RECEIVE | NIC_F_VLAN | NIC_F_RECEIVE_MORE | NIC_F_ANNOUNCE | NIC_F_ADDRESS);
    assert_int_equal(COMMAND(0, 0, 0), NIC_ERROR);
    assert_int_equal(COMMAND(0, 2, 0), NIC_ERROR);
    assert_int_equal(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), NIC_ERROR);
    assert_int_equal(COMMAND(1, 1, 2, 0, 0, 0, 0, 1), NIC_ERROR);
    assert_int_equal(COMMAND(2, 0, 1, 0), NIC_ERROR);
    assert_int_equal(COMMAND(3, 0), NIC_ERROR);
    assert_int_equal(world.state.status & VIRTIO_NEEDS_RESET, 0);
    COMMAND(1);
    assert_int_equal(world_counter("fault-control-buffer"), 1);
}

// 32 addresses of a kind, then all of it.
static void test_long_tables(void **unused)
{
    (void)unused;
    uint8_t bytes[2 + 4 + 33 * NET_ADDRESS + 4] = {1, 0, 33};
    static const uint8_t unknown[] = {2, 0, 0, 0, 0, 99};
    for (uint8_t i = 0; i < 33; i++)
        bytes[6 + NET_ADDRESS * i] = 2, bytes[6 + NET_ADDRESS * i + 5] = i;
    begin(0);
    assert_int_equal(COMMAND(0, 0, 0), NIC_OK);
    assert_int_equal(gets(unknown, 0), 0);
    assert_int_equal(command_bytes(bytes, sizeof bytes), NIC_OK);
    assert_int_equal(gets(unknown, 0), 1);
}

static void test_link(void **unused)
{
    (void)unused;
    struct net_port *shared = (struct net_port *)(void *)port;
    begin(0);
    world_take_vectors();
    assert_int_equal(nic.config.status, NIC_LINK_UP);
    shared->link = 0;
    stir();
    assert_int_equal(nic.config.status, 0);
    assert_int_equal(world_take_vectors(), 1 << NIC_QUEUES);
    shared->link = 1;
    shared->forgets++;
    stir();
    assert_int_equal(nic.config.status, NIC_LINK_UP | NIC_ANNOUNCE);
    world_start(); // still to be done
    stir();
    assert_int_equal(nic.config.status, NIC_LINK_UP | NIC_ANNOUNCE);
    assert_int_equal(COMMAND(3, 0), NIC_OK);
    world_start();
    stir();
    assert_int_equal(nic.config.status, NIC_LINK_UP);
}

static bool takes(uint64_t features)
{
    plug_in();
    WORLD_SET(status, 0);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    world_features(features | VIRTIO_F_VERSION_1);
    WORLD_SET(status, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    return WORLD_GET(status) & VIRTIO_FEATURES_OK;
}

static void test_features(void **unused)
{
    (void)unused;
    assert_true(takes(ALL));
    assert_true(takes(0));
    assert_false(takes(NIC_F_GUEST_TCP4));
    assert_false(takes(NIC_F_GUEST_SUM | NIC_F_GUEST_ECN));
    assert_true(takes(NIC_F_GUEST_SUM | NIC_F_GUEST_TCP6 | NIC_F_GUEST_ECN));
    assert_false(takes(NIC_F_TCP6));
    assert_false(takes(NIC_F_SUM | NIC_F_ECN));
    assert_false(takes(NIC_F_VLAN));
    assert_false(takes(NIC_F_ADDRESS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter),      cmocka_unit_test(test_commands_that_are_none),
        cmocka_unit_test(test_long_tables), cmocka_unit_test(test_link),
        cmocka_unit_test(test_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
