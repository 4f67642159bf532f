// A network card: frames in either direction, headers that lie, and death at any step
// SPDX-License-Identifier: MIT
// LINK: servers/net/filter.c servers/net/frames.c servers/net/nic.c
// LINK: servers/common/net_head.c servers/common/copy.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nic_world.h"

// ---- sending ----

static void test_sending(void **unused)
{
    (void)unused;
    static uint8_t frame[NET_FRAME_MAX];
    struct net_head got;
    uint16_t used;
    uint32_t written;
    const struct net_head head = {.flags = NET_NEEDS_SUM,
                                  .segmentation = NET_TCP4 | NET_ECN,
                                  .header_bytes = 54,
                                  .segment_bytes = 1448,
                                  .sum_start = 34,
                                  .sum_offset = 16};
    begin(0);
    assert_true(driver_sends(0, 7, 3000, &head));
    ring(NIC_TRANSMIT);
    assert_true(world_used(NIC_TRANSMIT, &used, &written));
    assert_int_equal(written, 0);
    assert_int_equal(switch_takes(&got, frame), 3000);
    assert_true(is(frame, 7, 3000));
    assert_memory_equal((uint8_t *)&got + NIC_HEADER_AT, (const uint8_t *)&head + NIC_HEADER_AT, HEADER);
    assert_int_equal(world_counter("sent-frames"), 1);
    assert_int_equal(world_counter("sent-bytes"), 3000);
}

static void test_header_faults(void **unused)
{
    (void)unused;
    static const struct {
        struct net_head head;
        uint64_t without; // of the features
        const char *counter;
    } cases[] = {
        {{.flags = NET_SUM_GOOD}, 0, "header-flags"},
        {{.flags = NET_NEEDS_SUM, .sum_start = 34},
         NIC_F_SUM | NIC_F_TCP4 | NIC_F_TCP6 | NIC_F_ECN,
         "header-flags"},
        {{.flags = NET_NEEDS_SUM, .sum_start = 99, .sum_offset = 0}, 0, "header-checksum"},
        {{.segmentation = NET_TCP4, .segment_bytes = 9}, 0, "header-checksum"},
        {{.flags = 1, .sum_start = 34, .segmentation = NET_TCP4}, 0, "header-segment"},
        {{.flags = 1, .sum_start = 34, .segmentation = 3, .segment_bytes = 9}, 0, "header-segmentation"},
        {{.flags = 1, .sum_start = 34, .segmentation = NET_TCP6, .segment_bytes = 9},
         NIC_F_TCP6,
         "header-segmentation"},
        {{.flags = 1, .sum_start = 34, .segmentation = NET_TCP4 | NET_ECN, .segment_bytes = 9},
         NIC_F_ECN,
         "header-segmentation"},
        {{.flags = 1, .sum_start = 34, .segmentation = NET_TCP4, .segment_bytes = 9, .header_bytes = 101},
         0,
         "header-length"},
    };
    uint8_t frame[200];
    struct net_head got;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(cases[i].without);
        assert_true(driver_sends(0, 1, 100, &cases[i].head));
        assert_true(driver_sends(1, 2, 100, NULL)); // the next one goes
        ring(NIC_TRANSMIT);
        assert_int_equal(world_counter(cases[i].counter), 1);
        assert_int_equal(switch_takes(&got, frame), 100);
        assert_true(is(frame, 2, 100));
        assert_int_equal(switch_takes(&got, frame), 0);
        assert_int_equal(*world_index(world.driver[NIC_TRANSMIT].device), 2);
    }
}

static void test_odd_lengths(void **unused)
{
    (void)unused;
    begin(0);
    const struct world_buffer little[] = {{OUT, HEADER, false}, {OUT + HEADER, NET_FRAME_MIN - 1, false}};
    const struct world_buffer large[] = {{OUT, 0x10000, false}, {OUT, 0x10000, false}};
    memset(world_ram + OUT, 0, HEADER);
    world_add(NIC_TRANSMIT, little, 2);
    world_add(NIC_TRANSMIT, large, 2);
    ring(NIC_TRANSMIT);
    assert_int_equal(world_counter("sent-too-short"), 1);
    assert_int_equal(world_counter("sent-too-long"), 1);
    assert_int_equal(world_counter("sent-frames"), 0);
    assert_int_equal(world.state.status & VIRTIO_NEEDS_RESET, 0);
    const struct world_buffer none = {OUT, HEADER - 1, false};
    world_add(NIC_TRANSMIT, &none, 1);
    ring(NIC_TRANSMIT);
    assert_int_equal(world_counter("fault-send-buffer"), 1);
    assert_int_not_equal(world.state.status & VIRTIO_NEEDS_RESET, 0);
}

// A ring without room: the frame stays the guest's until the switch takes some.
static void test_full(void **unused)
{
    (void)unused;
    static uint8_t frame[NET_FRAME_MAX];
    struct net_head got;
    uint32_t sent = 0, taken = 0;
    begin(0);
    for (bool more = true; more; sent += more) {
        more = driver_sends(sent % 5, sent, FRAME_MAX, NULL);
        ring(NIC_TRANSMIT);
        for (uint16_t used; more && world_used(NIC_TRANSMIT, &used, &(uint32_t){0});)
            ;
    }
    assert_true(sent > NET_CELLS / net_cells(FRAME_MAX));
    assert_int_equal(nic.to.shared->producer_sleeps, 1);
    while (taken < sent) {
        assert_int_equal(switch_takes(&got, frame), FRAME_MAX);
        if (taken < sent - 5) // later ones were overwritten by the test
            assert_true(is(frame, taken, FRAME_MAX) || taken >= NET_CELLS / net_cells(FRAME_MAX));
        taken++;
        stir();
    }
    assert_int_equal(switch_takes(&got, frame), 0);
}

// ---- receiving ----

static void test_merging(void **unused)
{
    (void)unused;
    static uint8_t frame[NET_FRAME_MAX];
    uint16_t used, buffers;
    uint32_t written, total = 0;
    begin(0);
    make(frame, 3, 5000);
    for (uint32_t i = 0; i < 3; i++)
        offer(i, 1500);
    switch_gives((struct net_head){.bytes = 5000, .flags = NET_NEEDS_SUM, .sum_start = 34}, frame);
    stir();
    assert_false(world_used(NIC_RECEIVE, &used, &written)); // they do not suffice
    offer(3, 1500);
    ring(NIC_RECEIVE);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(world_used(NIC_RECEIVE, &used, &written));
        assert_int_equal(address_of_head(NIC_RECEIVE, used), IN + i * SLOT);
        assert_int_equal(written, i < 3 ? 1500 : 5000 + HEADER - 3 * 1500);
        uint32_t skip = i ? 0 : HEADER;
        for (uint32_t k = skip; k < written; k++)
            assert_int_equal(world_ram[IN + i * SLOT + k], frame[total++]);
    }
    assert_int_equal(total, 5000);
    assert_int_equal(world_ram[IN], NET_NEEDS_SUM);
    memcpy(&buffers, world_ram + IN + HEADER - 2, sizeof buffers);
    assert_int_equal(buffers, 4);
    assert_int_equal(world.page.line.pending != 0, 1);
    assert_int_equal(world_counter("received-bytes"), 5000);
}

static void test_small_buffers(void **unused)
{
    (void)unused;
    static uint8_t frame[NET_FRAME_MAX];
    uint16_t used;
    uint32_t written;
    begin(NIC_F_MERGE);
    offer(0, 500);
    make(frame, 1, 489);
    switch_gives((struct net_head){.bytes = 489}, frame);
    make(frame, 2, 488);
    switch_gives((struct net_head){.bytes = 488}, frame);
    stir();
    assert_int_equal(world_counter("received-too-long"), 1);
    assert_true(world_used(NIC_RECEIVE, &used, &written));
    assert_int_equal(written, 500);
    assert_true(is(world_ram + IN + HEADER, 2, 488));
    assert_int_equal(world_ram[IN + HEADER - 2], 1);
    begin(0); // all buffers of the queue together are too small
    for (uint32_t i = 0; i < SIZE; i++)
        offer(i, 100);
    switch_gives((struct net_head){.bytes = 3000}, frame);
    switch_gives((struct net_head){.bytes = 60}, frame);
    stir();
    assert_int_equal(world_counter("received-too-long"), 1);
    assert_int_equal(world_counter("received-frames"), 1);
    begin(0);
    offer(0, HEADER - 1);
    switch_gives((struct net_head){.bytes = 60}, frame);
    stir();
    assert_int_equal(world_counter("fault-receive-buffer"), 1);
    assert_int_not_equal(world.state.status & VIRTIO_NEEDS_RESET, 0);
}

// What comes for a driver that is not there, or not any more.
static void test_nobody(void **unused)
{
    (void)unused;
    static uint8_t frame[100];
    uint16_t used;
    uint32_t written;
    make(frame, 1, 60);
    plug_in();
    switch_gives((struct net_head){.bytes = 60}, frame);
    stir();
    world_drive(ALL, NIC_QUEUES, SIZE, RINGS);
    switch_gives((struct net_head){.bytes = 60}, frame);
    stir(); // no buffers yet
    world_drive(ALL, NIC_QUEUES, SIZE, RINGS);
    offer(0, 1500);
    ring(NIC_RECEIVE);
    assert_false(world_used(NIC_RECEIVE, &used, &written));
    assert_int_equal(world_counter("received-down"), 2);
    switch_gives((struct net_head){.bytes = 60}, frame);
    stir();
    assert_true(world_used(NIC_RECEIVE, &used, &written));
}

// ---- when it looks ----

static void do_due(void *unused)
{
    (void)unused;
    virtio_look(&world.v);
    nic_due(&nic, &world.v);
    world_settle();
}

static bool must_ring(uint32_t number)
{
    uint16_t used, old = world.driver[NIC_TRANSMIT].available;
    while (world_used(NIC_TRANSMIT, &used, &(uint32_t){0}))
        ;
    assert_true(driver_sends(number % 4, number, 60, NULL));
    return world_wants_doorbell(NIC_TRANSMIT, old);
}

static uint64_t sent_frames(void)
{
    return world_counter("sent-frames");
}

// A frame soon after another begins a time in which the driver need not ring; it ends when nothing has come.
static void test_looking(void **unused)
{
    (void)unused;
    begin(0);
    nic.soon = 40, nic.wait = 150, nic.served = 0;
    assert_true(must_ring(0));
    ring(NIC_TRANSMIT);
    ticks += 41;
    assert_true(must_ring(1));
    ring(NIC_TRANSMIT);
    ticks += 39;
    assert_true(must_ring(2));
    ring(NIC_TRANSMIT);
    assert_int_equal(sent_frames(), 3);
    assert_false(must_ring(3));
    assert_int_equal(nic.due, ticks + 150);
    ticks = nic.due;
    (void)world_do(do_due, NULL);
    assert_int_equal(sent_frames(), 4);
    assert_false(must_ring(4));
    world_start(); // a successor knows nothing of this, and loses nothing
    assert_int_equal(sent_frames(), 5);
    ticks += 41;
    assert_true(must_ring(5));
    ring(NIC_TRANSMIT);
    assert_true(must_ring(6));
    ring(NIC_TRANSMIT);
    ticks = nic.due;
    (void)world_do(do_due, NULL); // nothing has come
    assert_int_equal(nic.polls, 0);
    assert_true(must_ring(7));
}

// Interrupts for what was sent wait, until the guest has seen it by itself, or no longer.
static void test_lazy_interrupts(void **unused)
{
    (void)unused;
    enum { SENT = 1 << NIC_TRANSMIT };
    begin(0);
    nic.soon = 0, nic.wait = 150;
    world_take_vectors();
    world_want_interrupt(NIC_TRANSMIT);
    assert_true(must_ring(0));
    ring(NIC_TRANSMIT);
    assert_int_equal(world_take_vectors() & SENT, 0);
    ticks = nic.due;
    (void)world_do(do_due, NULL);
    assert_int_equal(world_take_vectors() & SENT, SENT);
    for (uint32_t i = 1; i < 40; i++) { // it sends and sees, each time
        world_want_interrupt(NIC_TRANSMIT);
        (void)must_ring(i);
        world_want_interrupt(NIC_TRANSMIT);
        ring(NIC_TRANSMIT);
        ticks += 100;
        assert_true(nic.due > ticks - 100);
    }
    assert_int_equal(world_take_vectors() & SENT, 0);
    const struct world_buffer frame = {OUT, HEADER + 60, false};
    for (uint16_t used; world_used(NIC_TRANSMIT, &used, &(uint32_t){0});)
        ;
    for (uint32_t i = 0; i < SIZE / 2; i++) // half of the queue is done, and it has seen nothing
        world_add(NIC_TRANSMIT, &frame, 1);
    ring(NIC_TRANSMIT);
    assert_int_equal(world_take_vectors() & SENT, SENT);
}

// ---- death ----

// Frames either way, each exactly once and in order, while the server dies behind any store and around any
// commit.
static void test_deaths(void **unused)
{
    (void)unused;
    enum { ROUNDS = 4000 };
    static uint8_t frame[NET_FRAME_MAX];
    uint32_t sent = 0, taken = 0, given = 0, received = 0, slot = 0, offered = 0;
    uint32_t lengths[64];
    begin(0);
    srand(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct net_head got;
        uint16_t used;
        uint32_t written;
        world_arm((uint64_t)(rand() % 25));
        world.again = (uint64_t)(rand() % 40);
        if (rand() % 2 && driver_sends(slot % 5, sent, 100 + sent % 3000, NULL))
            sent++, slot++;
        ring(NIC_TRANSMIT);
        while (world_used(NIC_TRANSMIT, &used, &written))
            ;
        for (uint32_t bytes; (bytes = switch_takes(&got, frame)); taken++)
            assert_true(bytes == 100 + taken % 3000 && is(frame, taken, bytes));
        if (rand() % 2 && given - received < 32) {
            uint32_t bytes = lengths[given % 64] = 60 + (uint32_t)rand() % 6000;
            make(frame, given++, bytes);
            switch_gives((struct net_head){.bytes = bytes}, frame);
        }
        while (world.driver[NIC_RECEIVE].free_count)
            offer(offered++ % SIZE, 1500);
        if (rand() % 2)
            stir();
        ring(NIC_RECEIVE);
        while (world_used(NIC_RECEIVE, &used, &written)) {
            uint32_t at = (uint32_t)address_of_head(NIC_RECEIVE, used), bytes = written - HEADER,
                     buffers = world_ram[at + HEADER - 2];
            memcpy(frame, world_ram + at + HEADER, bytes);
            while (--buffers) {
                assert_true(world_used(NIC_RECEIVE, &used, &written));
                memcpy(frame + bytes, world_ram + address_of_head(NIC_RECEIVE, used), written);
                bytes += written;
            }
            assert_int_equal(bytes, lengths[received % 64]);
            assert_true(is(frame, received++, bytes));
        }
    }
    world_arm(0);
    stir();
    assert_true(world.deaths > 500 && received > 500 && taken > 500);
    assert_int_equal(taken, sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sending),         cmocka_unit_test(test_header_faults),
        cmocka_unit_test(test_odd_lengths),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_merging),         cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_nobody),          cmocka_unit_test(test_looking),
        cmocka_unit_test(test_lazy_interrupts), cmocka_unit_test(test_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
