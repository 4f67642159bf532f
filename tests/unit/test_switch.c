// The switch: whom a frame reaches, as whom, how often; what it takes of lies; death between any two steps
// SPDX-License-Identifier: MIT
// LINK: servers/switch/addresses.c servers/switch/forward.c servers/switch/ports.c servers/switch/rules.c
// LINK: servers/common/net_head.c servers/common/copy.c libipc/json.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/switch_world.h"

#define EVERYBODY UINT64_C(0xffffffffffff)
#define A         UINT64_C(0x524248000001)
#define B         UINT64_C(0x524248000002)
#define C         UINT64_C(0x524248000003)
#define OUTSIDE   UINT64_C(0x001122334455)
#define OUTSIDE2  UINT64_C(0x001122334466)

#define OWN(n, more)       "{\"groups\": 1, \"check\": true, \"address\": \"0x52424800000" #n "\"" more "}"
#define OPEN(groups, more) "{\"groups\": " #groups more "}"

static uint8_t buffer[NET_FRAME_MAX];

static void send(uint32_t port, struct world_frame f)
{
    if (!f.bytes)
        f.bytes = 60;
    world_make(buffer, f);
    assert_true(world_send(port, buffer, f.bytes));
}

// The next frame of a port is this one.
static void expect(uint32_t port, struct world_frame f)
{
    struct net_head head;
    uint32_t bytes = world_receive(port, &head, buffer);
    assert_int_equal(bytes, f.bytes ? f.bytes : 60);
    assert_true(world_is(buffer, bytes, f));
}

static void expect_nothing(uint32_t port)
{
    struct net_head head;
    assert_int_equal(world_receive(port, &head, buffer), 0);
}

static void three(void)
{
    world_begin();
    world_plug(0, OWN(1, ""));
    world_plug(1, OWN(2, ""));
    world_plug(2, OPEN(1, ""));
    world_run();
}

static void test_addresses(void **unused)
{
    (void)unused;
    three();
    send(0, (struct world_frame){.to = B, .from = A, .number = 1});
    send(0, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 3});
    world_run();
    expect(1, (struct world_frame){.to = B, .from = A, .number = 1});
    expect(1, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    expect_nothing(1); // who has one address is nobody unknown
    expect(2, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    expect(2, (struct world_frame){.to = OUTSIDE, .from = A, .number = 3});
    expect_nothing(2);
    expect_nothing(0);
}

static void test_learning(void **unused)
{
    (void)unused;
    three();
    world_plug(3, OPEN(1, ""));
    world_run();
    send(2, (struct world_frame){.to = A, .from = OUTSIDE, .number = 1});
    world_run();
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 2});
    send(2, (struct world_frame){.to = OUTSIDE, .from = OUTSIDE2, .number = 3}); // behind the same port
    world_run();
    expect(0, (struct world_frame){.to = A, .from = OUTSIDE, .number = 1});
    expect(2, (struct world_frame){.to = OUTSIDE, .from = A, .number = 2});
    expect_nothing(3);
    assert_int_equal(world_count(2, NET_IN_LOCAL), 1);
    send(3, (struct world_frame){.to = B, .from = OUTSIDE, .number = 4}); // he moved
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 5});
    world_run();
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 6});
    world_run();
    expect(2, (struct world_frame){.to = OUTSIDE, .from = A, .number = 5});
    expect_nothing(2);
    expect(3, (struct world_frame){.to = OUTSIDE, .from = A, .number = 6});
    world.now += (uint64_t)ADDRESSES_KEPT * WORLD_HZ;
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 7}); // forgotten
    world_run();
    expect(2, (struct world_frame){.to = OUTSIDE, .from = A, .number = 7});
    expect(3, (struct world_frame){.to = OUTSIDE, .from = A, .number = 7});
}

static void test_sources(void **unused)
{
    (void)unused;
    static const uint64_t forged[] = {B, OUTSIDE, EVERYBODY, 0, A | UINT64_C(1) << 40};
    three();
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
        send(0, (struct world_frame){.to = B, .from = forged[i]});
    send(2, (struct world_frame){.to = B, .from = A}); // that of a port, from another
    send(2, (struct world_frame){.to = B, .from = 0});
    for (uint64_t last = 0; last < 16; last++)
        send(0, (struct world_frame){.to = UINT64_C(0x0180c2000000) + last, .from = A});
    world_run();
    for (uint32_t port = 0; port < 3; port++)
        expect_nothing(port);
    assert_int_equal(world_count(0, NET_IN_SOURCE), 5);
    assert_int_equal(world_count(2, NET_IN_SOURCE), 2);
    assert_int_equal(world_count(0, NET_IN_LOCAL), 16);
    send(0, (struct world_frame){.to = UINT64_C(0x0180c2000010), .from = A});
    world_run();
    expect(1, (struct world_frame){.to = UINT64_C(0x0180c2000010), .from = A});
}

static void test_groups(void **unused)
{
    (void)unused;
    world_begin();
    world_plug(0, OPEN(1, ", \"address\": \"0x524248000001\", \"check\": true"));
    world_plug(1, OPEN(2, ", \"address\": \"0x524248000002\", \"check\": true"));
    world_plug(2, OPEN(1, ""));
    world_plug(3, OPEN(2, ""));
    world_plug(4, OPEN(3, "")); // of both
    world_run();
    send(0, (struct world_frame){.to = B, .from = A, .number = 1});
    send(0, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    send(2, (struct world_frame){.to = OUTSIDE2, .from = OUTSIDE, .number = 3});
    world_run();
    send(3,
         (struct world_frame){.to = OUTSIDE, .from = OUTSIDE2, .number = 4}); // heard in the other group only
    world_run();
    assert_int_equal(world_count(0, NET_IN_NOBODY), 1);
    expect_nothing(1);
    expect_nothing(3);
    expect(2, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    expect_nothing(2);
    expect(4, (struct world_frame){.to = EVERYBODY, .from = A, .number = 2});
    expect(4, (struct world_frame){.to = OUTSIDE2, .from = OUTSIDE, .number = 3});
    expect(4, (struct world_frame){.to = OUTSIDE, .from = OUTSIDE2, .number = 4});
    expect_nothing(4);
}

static void test_vlans(void **unused)
{
    (void)unused;
    world_begin();
    world_plug(0, OPEN(1, ", \"vlan\": 10"));
    world_plug(1, OPEN(1, ", \"vlan\": 20"));
    world_plug(2, OPEN(1, ", \"vlan\": 0, \"vlans\": [10, 20]"));
    world_plug(3, OPEN(1, ", \"vlan\": 10, \"vlans\": [15, 20]"));
    world_run();
    send(0, (struct world_frame){.to = EVERYBODY, .from = A, .number = 1});
    send(2, (struct world_frame){.to = EVERYBODY, .from = C, .number = 2, .tag = WORLD_TAGGED(0x6000 | 20)});
    send(2, (struct world_frame){.to = EVERYBODY, .from = C, .number = 3}); // no VLAN
    send(2,
         (struct world_frame){.to = EVERYBODY, .from = C, .number = 4, .tag = WORLD_TAGGED(21)}); // not its
    send(0,
         (struct world_frame){.to = EVERYBODY, .from = A, .number = 5, .tag = WORLD_TAGGED(10)}); // no tags
    send(2, (struct world_frame){.to = EVERYBODY, .from = C, .number = 6, .tag = WORLD_TAGGED(4095)});
    send(0, (struct world_frame){
                .to = EVERYBODY, .from = A, .number = 7, .tag = WORLD_TAGGED(0xa000)}); // a priority
    world_run();
    expect(1, (struct world_frame){.to = EVERYBODY, .from = C, .number = 2, .bytes = 56});
    expect_nothing(1);
    expect(2, (struct world_frame){
                  .to = EVERYBODY, .from = A, .number = 1, .tag = WORLD_TAGGED(10), .bytes = 64});
    expect(2,
           (struct world_frame){.to = EVERYBODY, .from = A, .number = 7, .tag = WORLD_TAGGED(0xa000 | 10)});
    expect_nothing(2);
    expect(3, (struct world_frame){.to = EVERYBODY, .from = A, .number = 1});
    expect(3, (struct world_frame){.to = EVERYBODY, .from = A, .number = 7, .tag = WORLD_TAGGED(0xa000)});
    expect(3,
           (struct world_frame){.to = EVERYBODY, .from = C, .number = 2, .tag = WORLD_TAGGED(0x6000 | 20)});
    expect_nothing(3);
    assert_int_equal(world_count(0, NET_IN_VLAN), 1);
    assert_int_equal(world_count(2, NET_IN_VLAN), 3);
}

// A tag that comes or goes moves what the head points at; frames of all lengths.
static void test_tag_offsets(void **unused)
{
    (void)unused;
    struct net_head got;
    world_begin();
    world_plug(0, OPEN(1, ", \"vlan\": 10"));
    world_plug(1, OPEN(1, ", \"vlan\": 0, \"vlans\": [10, 10]"));
    world_run();
    for (uint32_t bytes = 40; bytes < 300; bytes++) {
        world_make(buffer, (struct world_frame){.to = EVERYBODY, .from = A, .number = bytes, .bytes = bytes});
        const struct net_head head = {.bytes = bytes,
                                      .flags = NET_NEEDS_SUM,
                                      .segmentation = NET_TCP4,
                                      .header_bytes = 20,
                                      .segment_bytes = 11,
                                      .sum_start = 16,
                                      .sum_offset = 2};
        assert_true(world_send_head(0, &head, buffer));
        world_run();
        assert_int_equal(world_receive(1, &got, buffer), bytes + NET_TAG);
        assert_true(world_is(
            buffer, bytes + NET_TAG,
            (struct world_frame){.to = EVERYBODY, .from = A, .number = bytes, .tag = WORLD_TAGGED(10)}));
        assert_int_equal(got.header_bytes, 24);
        assert_int_equal(got.sum_start, 20);
        assert_int_equal(got.sum_offset, 2);
        assert_true(world_send_head(1, &got, buffer));
        world_run();
        assert_int_equal(world_receive(0, &got, buffer), bytes);
        assert_true(
            world_is(buffer, bytes, (struct world_frame){.to = EVERYBODY, .from = A, .number = bytes}));
        assert_memory_equal(&got, &head, sizeof head);
    }
}

// Exactly the rate, from the first tick to the last, whatever comes.
static void test_limits(void **unused)
{
    (void)unused;
    enum { SECONDS = 10 };
    uint64_t frames = 0, other = 0;
    struct net_head head;
    world_begin();
    world_plug(0, OWN(1, ", \"frames\": 1000, \"frames_burst\": 20"));
    world_plug(1, OWN(2, ""));
    world_plug(2, OWN(3, ", \"bytes\": 60000, \"bytes_burst\": 600"));
    world_run();
    for (uint64_t end = world.now + SECONDS * WORLD_HZ; world.now < end; world.now += 33) {
        send(0, (struct world_frame){.to = B, .from = A});
        if (world.now % 2)
            send(2, (struct world_frame){.to = A, .from = C});
        world_run();
        frames += world_receive(1, &head, buffer) != 0;
        other += world_receive(0, &head, buffer) != 0;
    }
    assert_in_range(frames, SECONDS * 1000 + 19, SECONDS * 1000 + 20);
    assert_in_range(other, SECONDS * 1000 + 9, SECONDS * 1000 + 10);
    assert_int_equal(world_count(0, NET_IN_FRAMES), world_count(0, NET_IN_LIMIT) + frames);
}

// What stands for many frames counts as many.
static void test_limits_of_segments(void **unused)
{
    (void)unused;
    struct net_head head = {.bytes = 54 + 10 * 1000,
                            .flags = NET_NEEDS_SUM,
                            .segmentation = NET_TCP4,
                            .header_bytes = 54,
                            .segment_bytes = 1000,
                            .sum_start = 34,
                            .sum_offset = 16};
    world_begin();
    world_plug(0, OWN(1, ", \"frames\": 10, \"frames_burst\": 25"));
    world_plug(1, OWN(2, ""));
    world_run();
    world_make(buffer, (struct world_frame){.to = B, .from = A, .bytes = head.bytes});
    for (unsigned i = 0; i < 4; i++)
        assert_true(world_send_head(0, &head, buffer));
    world_run();
    assert_int_equal(world_count(0, NET_IN_LIMIT), 2);
    assert_int_equal(world_count(1, NET_OUT_FRAMES), 2);
}

static void test_full(void **unused)
{
    (void)unused;
    enum { COUNT = 3 * NET_CELLS };
    struct net_head head;
    unsigned got = 0;
    three();
    for (unsigned i = 0; i < COUNT; i++) {
        send(0, (struct world_frame){.to = EVERYBODY, .from = A, .number = i});
        world_run();
        got += world_receive(2, &head, buffer) != 0; // one reads, the other never does
    }
    assert_int_equal(got, COUNT);
    assert_int_equal(world_count(1, NET_OUT_FRAMES), NET_CELLS / net_cells(60));
    assert_int_equal(world_count(1, NET_OUT_FULL), COUNT - NET_CELLS / net_cells(60));
    assert_int_equal(world_count(2, NET_OUT_FULL), 0);
    expect(1, (struct world_frame){.to = EVERYBODY, .from = A, .number = 0});
}

static void test_lies(void **unused)
{
    (void)unused;
    static const struct net_head heads[] = {
        {.bytes = 60, .flags = NET_NEEDS_SUM, .sum_start = 13, .sum_offset = 0},
        {.bytes = 60, .flags = NET_NEEDS_SUM, .sum_start = 40, .sum_offset = 19},
        {.bytes = 60, .flags = NET_NEEDS_SUM, .sum_start = 0xffff, .sum_offset = 0xffff},
        {.bytes = 60, .segmentation = NET_TCP4, .segment_bytes = 10},
        {.bytes = 60, .segmentation = 3, .flags = NET_NEEDS_SUM, .sum_start = 34, .segment_bytes = 10},
        {.bytes = 60, .segmentation = NET_ECN, .flags = NET_NEEDS_SUM, .sum_start = 34, .segment_bytes = 10},
        {.bytes = 60,
         .segmentation = NET_TCP4 | NET_TCP6,
         .flags = NET_NEEDS_SUM,
         .sum_start = 34,
         .segment_bytes = 10},
        {.bytes = 60, .segmentation = NET_TCP4, .flags = NET_NEEDS_SUM, .sum_start = 34},
        {.bytes = 60,
         .segmentation = NET_TCP4,
         .flags = NET_NEEDS_SUM,
         .sum_start = 34,
         .segment_bytes = 10,
         .header_bytes = 61},
    };
    three();
    world_make(buffer, (struct world_frame){.to = B, .from = A, .bytes = 60});
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        assert_true(world_send_head(0, &heads[i], buffer));
    world_run();
    assert_int_equal(world_count(0, NET_IN_HEAD), sizeof heads / sizeof *heads);
    const struct net_head odd = {
        .bytes = 60, .flags = 0xf0, .sum_start = 99, .header_bytes = 7, .segment_bytes = 9, .reserved = 5};
    struct net_head got;
    assert_true(world_send_head(0, &odd, buffer));
    world_run();
    assert_int_equal(world_receive(1, &got, buffer), 60);
    assert_memory_equal(&got, &(struct net_head){.bytes = 60}, sizeof got); // what says nothing is cleared
}

// Whatever a port's server writes into its rings, the port works when it is sane again, and others all the
// time.
static void test_indices(void **unused)
{
    (void)unused;
    static const uint64_t lies[] = {NET_CELLS + 1, UINT64_C(1) << 32, UINT64_MAX / 2};
    three();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint64_t produced = world.to[0].position, consumed = world.from[0].position;
        world.to[0].shared->produced = produced + lies[i];
        world.from[0].shared->consumed = consumed + lies[i];
        send(1, (struct world_frame){.to = A, .from = B, .number = 1});
        send(1, (struct world_frame){.to = EVERYBODY, .from = B, .number = 2});
        world_run();
        expect(2, (struct world_frame){.to = EVERYBODY, .from = B, .number = 2});
        world.to[0].shared->produced = produced;
        world.from[0].shared->consumed = consumed;
        send(1, (struct world_frame){.to = A, .from = B, .number = 3});
        send(0, (struct world_frame){.to = B, .from = A, .number = 4});
        world_run();
        expect(0, (struct world_frame){.to = A, .from = B, .number = 3});
        expect(1, (struct world_frame){.to = B, .from = A, .number = 4});
    }
    assert_int_equal(world_count(0, NET_IN_INDEX), 3);
    assert_int_equal(world_count(0, NET_OUT_INDEX), 6);
    for (uint32_t bytes = 0; bytes < NET_FRAME_MIN; bytes++) { // and lengths
        const struct net_head head = {.bytes = bytes};
        world_put(0, &head, buffer);
        (void)!ring_publish_produced(&world.to[0], world.to[0].position + 1);
    }
    world_run();
    assert_int_equal(world_count(0, NET_IN_LENGTH), 1); // all that was there
    send(0, (struct world_frame){.to = B, .from = A, .number = 5});
    world_run();
    expect(1, (struct world_frame){.to = B, .from = A, .number = 5});
}

static void test_longest(void **unused)
{
    (void)unused;
    three();
    send(0, (struct world_frame){.to = B, .from = A, .bytes = NET_FRAME_MAX - NET_TAG});
    world_run();
    send(0, (struct world_frame){.to = B, .from = A, .bytes = NET_FRAME_MAX - NET_TAG + 1});
    world_run();
    expect(1, (struct world_frame){.to = B, .from = A, .bytes = NET_FRAME_MAX - NET_TAG});
    expect_nothing(1);
    assert_int_equal(world_count(0, NET_IN_LENGTH), 1);
}

static void test_coming_and_going(void **unused)
{
    (void)unused;
    three();
    send(2, (struct world_frame){.to = A, .from = OUTSIDE, .number = 1});
    world_run();
    world.names[2].use = 0;
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 2});
    send(0, (struct world_frame){.to = EVERYBODY, .from = A, .number = 3});
    world_run();
    assert_int_equal(world_count(0, NET_IN_NOBODY), 1);
    world_plug(2, OPEN(1, "")); // another
    world_run();
    send(0, (struct world_frame){.to = OUTSIDE, .from = A, .number = 4});
    world_run();
    expect(2, (struct world_frame){.to = OUTSIDE, .from = A, .number = 4});
    expect_nothing(2);
    world_plug(4, "{\"groups\": }"); // rules that are none: the others go on
    world_run();
    assert_int_equal(world.logged != 0, 1);
    send(0, (struct world_frame){.to = B, .from = A, .number = 5});
    world_run();
    expect(1, (struct world_frame){.to = EVERYBODY, .from = A, .number = 3});
    expect(1, (struct world_frame){.to = B, .from = A, .number = 5});
}

// Every frame of every port reaches each receiver once and in order, however often the switch dies.
static void test_deaths(void **unused)
{
    (void)unused;
    enum { ROUNDS = 20000, SENDERS = 3 };
    static const uint64_t address[SENDERS] = {A, B, C};
    static const char *const rules[SENDERS] = {OWN(1, ""), OWN(2, ""), OWN(3, "")};
    uint32_t sent[SENDERS] = {0}, got[SENDERS][SENDERS] = {{0}};
    world_begin();
    for (uint32_t i = 0; i < SENDERS; i++)
        world_plug(i, rules[i]);
    world_run();
    world.one_in = 7;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t port = world_random(SENDERS), bytes = 60 + world_random(3000);
        world_make(buffer, (struct world_frame){
                               .to = EVERYBODY, .from = address[port], .number = sent[port], .bytes = bytes});
        sent[port] += world_send(port, buffer, bytes);
        (void)!world_turn(world_random(SENDERS));
        for (uint32_t to = 0; to < SENDERS; to++) {
            struct net_head head;
            uint32_t length = world_receive(to, &head, buffer);
            for (uint32_t from = 0; length && from < SENDERS; from++)
                if (world_is(buffer, length,
                             (struct world_frame){
                                 .to = EVERYBODY, .from = address[from], .number = got[to][from]}))
                    got[to][from]++, length = 0;
            assert_int_equal(length, 0);
        }
    }
    for (uint32_t to = 0; to < SENDERS; to++) {
        struct net_head head;
        world.one_in = 0;
        world_run();
        while (world_receive(to, &head, buffer))
            for (uint32_t from = 0; from < SENDERS; from++)
                got[to][from] += world_is(
                    buffer, head.bytes,
                    (struct world_frame){.to = EVERYBODY, .from = address[from], .number = got[to][from]});
        for (uint32_t from = 0; from < SENDERS; from++)
            assert_int_equal(got[to][from], from == to ? 0 : sent[from]);
        assert_int_equal(world_count(to, NET_OUT_FULL), 0);
    }
    assert_true(world.deaths > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_vlans),
        cmocka_unit_test(test_tag_offsets),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_of_segments),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_coming_and_going),
        cmocka_unit_test(test_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
