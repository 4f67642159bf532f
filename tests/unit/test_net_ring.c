// The rings of a switch's port: frames of every size, around the end, and heads and indices that lie.
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "libipc/proto/net.h"

static uint8_t memory[NET_PORT_BYTES] __attribute__((aligned(64)));

struct ends {
    struct ring producer, consumer;
};

static struct ends open_at(uint64_t position)
{
    struct ends e;
    memset(memory, 0, sizeof memory);
    assert_true(ring_open(&e.producer, memory + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, position));
    assert_true(ring_open(&e.consumer, memory + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, position));
    (void)!ring_publish_produced(&e.producer, position);
    (void)!ring_publish_consumed(&e.consumer, position);
    return e;
}

static void put(const struct ring *r, uint64_t position, const void *from, uint32_t bytes)
{
    uint8_t *at;
    for (uint32_t done = 0, piece; done < bytes; done += piece) {
        piece = net_span(r, position, done, bytes - done, &at);
        memcpy(at, (const uint8_t *)from + done, piece);
    }
}

static void get(const struct ring *r, uint64_t position, void *to, uint32_t bytes)
{
    uint8_t *at;
    for (uint32_t done = 0, piece; done < bytes; done += piece) {
        piece = net_span(r, position, done, bytes - done, &at);
        memcpy((uint8_t *)to + done, at, piece);
    }
}

static void test_layout(void **unused)
{
    (void)unused;
    assert_int_equal(NET_AT_TO % NET_CELL, 0);
    assert_int_equal(NET_AT_FROM % NET_CELL, 0);
    assert_int_equal(net_cells(NET_FRAME_MIN), 1);
    assert_int_equal(net_cells(48), 1);
    assert_int_equal(net_cells(49), 2);
    assert_int_equal(net_cells(1514), 24);
    assert_true(2 * net_cells(65226) <= NET_CELLS); // what Linux makes of 64 KiB: 45 segments of 1,448 bytes
    assert_true(net_cells(NET_FRAME_MAX) <= NET_CELLS);
}

// All sizes go through, wherever in the ring they begin, and when its index wraps.
static void test_sizes(void **unused)
{
    (void)unused;
    static struct {
        struct net_head head;
        uint8_t frame[NET_FRAME_MAX];
    } in, out;
    struct ends e = open_at(UINT64_MAX - 100000);
    uint64_t position = e.producer.position;
    for (uint32_t bytes = NET_FRAME_MIN; bytes <= NET_FRAME_MAX; bytes += bytes < 2000 ? 1 : 1237) {
        uint32_t cells = net_cells(bytes);
        memset(&in, (int)(bytes * 7 + 1), sizeof in);
        in.head = (struct net_head){.bytes = bytes, .sum_start = 14};
        assert_true(net_has_room(&e.producer, position, cells));
        put(&e.producer, position, &in, bytes + (uint32_t)sizeof in.head);
        struct net_first first;
        assert_int_equal(net_look(&e.consumer, position, &first), NET_NOTHING);
        (void)!ring_publish_produced(&e.producer, position + cells);
        assert_int_equal(net_look(&e.consumer, position, &first), NET_FRAME);
        assert_memory_equal(&first, &in, bytes < 48 ? bytes + 16 : NET_CELL);
        get(&e.consumer, position, &out, bytes + (uint32_t)sizeof in.head);
        assert_memory_equal(&in, &out, bytes + sizeof in.head);
        position += cells;
        (void)!ring_publish_consumed(&e.consumer, position);
        assert_int_equal(net_end(&e.consumer), position);
    }
}

static void put_head(const struct ring *r, uint64_t position, uint32_t bytes)
{
    const struct net_head head = {.bytes = bytes};
    put(r, position, &head, sizeof head);
}

// Several frames are taken before anything is published.
static void test_ahead(void **unused)
{
    (void)unused;
    struct ends e = open_at(NET_CELLS - 1);
    struct net_first first;
    uint64_t position = e.producer.position;
    put_head(&e.producer, position, 60);
    put_head(&e.producer, position + 2, 1514);
    (void)!ring_publish_produced(&e.producer, position + 26);
    assert_int_equal(net_look(&e.consumer, position, &first), NET_FRAME);
    assert_int_equal(net_look(&e.consumer, position + 2, &first), NET_FRAME);
    assert_int_equal(first.head.bytes, 1514);
    assert_int_equal(net_look(&e.consumer, position + 26, &first), NET_NOTHING);
    assert_true(net_has_room(&e.producer, position + 26, NET_CELLS - 26));
    assert_false(net_has_room(&e.producer, position + 26, NET_CELLS - 25));
    assert_false(net_has_room(&e.producer, position + 30, NET_CELLS - 29));
}

static void test_lies(void **unused)
{
    (void)unused;
    static const uint32_t lengths[] = {
        0, 13, 49, NET_FRAME_MAX, NET_FRAME_MAX + 1, UINT32_MAX, UINT32_MAX - 60};
    struct ends e = open_at(5);
    struct net_first first;
    (void)!ring_publish_produced(&e.producer, 6);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        put_head(&e.producer, 5, lengths[i]);
        assert_int_equal(net_look(&e.consumer, 5, &first), NET_BAD_FRAME);
    }
    assert_int_equal(net_end(&e.consumer), 6);
    (void)!ring_publish_produced(&e.producer, 5 + NET_CELLS + 1);
    assert_int_equal(net_look(&e.consumer, 5, &first), NET_BAD_INDEX);
    (void)!ring_publish_produced(&e.producer, 4);
    assert_int_equal(net_look(&e.consumer, 5, &first), NET_BAD_INDEX);
    (void)!ring_publish_consumed(&e.consumer, 5);
    assert_false(net_has_room(&e.producer, 4, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
