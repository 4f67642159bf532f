// The uplink's driver between a device and the switch: nothing twice, nothing out of order, whoever dies
// SPDX-License-Identifier: MIT
//
// LINK: servers/drivers/virtio-net/uplink.c servers/common/host_function.c servers/common/host_queue.c
// LINK: servers/common/net_wire.c servers/common/net_head.c servers/common/copy.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/drivers/virtio-net/uplink.h"
#include "tests/unit/host_model.h"
#include "tests/unit/last_line.h"

enum { RECEIVE, TRANSMIT, NUMBER_AT = 20, FRAME = 100 };

static uint8_t port[NET_PORT_BYTES] __attribute__((aligned(4096)));
static uint8_t memory[2 * HOST_QUEUE_PAGES + UPLINK_PAGES][4096] __attribute__((aligned(4096)));
static struct stats_page stats;
static struct uplink uplink;
static struct ring to_driver, from_driver; // the switch's ends
static uint32_t sent, received;            // numbers of the last frames of either side
static uint32_t on_wire, at_switch;        // numbers of the last ones that came out
static uint64_t frames_on_wire, frames_at_switch;

static struct net_port *shared(void)
{
    return (struct net_port *)(void *)port;
}

// As after the death of a driver.
static void driver_start(void)
{
    uplink = (struct uplink){.function.places = model_places, .port = shared(), .stats = &stats};
    model_queue(&uplink.receive, memory);
    model_queue(&uplink.transmit, memory + HOST_QUEUE_PAGES);
    for (unsigned i = 0; i < UPLINK_PAGES; i++)
        uplink.buffers[i] = model_page(memory[2 * HOST_QUEUE_PAGES + i]);
    uplink_open(&uplink);
    assert_true(uplink.tell);
}

static int set_up(void **state)
{
    (void)state;
    model_init(VIRTIO_F(0) | VIRTIO_F(5));
    memset(port, 0, sizeof port);
    memset(&stats, 0, sizeof stats);
    last_line[0] = 0;
    sent = received = on_wire = at_switch = 0;
    frames_on_wire = frames_at_switch = 0;
    assert_true(ring_open(&to_driver, port + NET_AT_FROM, NET_RING_BYTES, NET_CELLS, NET_CELL, 0));
    assert_true(ring_open(&from_driver, port + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, 0));
    shared()->link = 1;
    driver_start();
    return 0;
}

static uint64_t counter(const char *name)
{
    return *stats_counter(&stats, name);
}

// The switch gives the port a frame; false: there is no room.
static bool switch_sends(uint32_t bytes)
{
    struct {
        struct net_head head;
        uint8_t frame[4096 - sizeof(struct net_head)];
    } f = {.head.bytes = bytes};
    if (!net_has_room(&to_driver, to_driver.position, net_cells(bytes)))
        return false;
    sent++;
    memcpy(f.frame + NUMBER_AT, &sent, sizeof sent);
    ring_put(&to_driver, to_driver.position, &f, net_cells(bytes));
    (void)!ring_publish_produced(&to_driver, to_driver.position + net_cells(bytes));
    return true;
}

static void switch_takes_all(void)
{
    struct net_first first;
    while (net_look(&from_driver, from_driver.position, &first) == NET_FRAME) {
        uint32_t number;
        memcpy(&number, first.frame + NUMBER_AT, sizeof number);
        assert_true(number > at_switch && number <= received);
        at_switch = number;
        frames_at_switch++;
        (void)!ring_publish_consumed(&from_driver, from_driver.position + net_cells(first.head.bytes));
    }
}

static bool device_sends(void)
{
    uint16_t head;
    const struct virtq_descriptor *d = model_take(TRANSMIT, &head);
    if (!d)
        return false;
    const uint8_t *at = (const uint8_t *)(uintptr_t)d->address;
    uint32_t number;
    static const uint8_t nothing[UPLINK_HEADER];
    assert_memory_equal(at, nothing, UPLINK_HEADER);
    assert_in_range(d->bytes - UPLINK_HEADER, NET_WIRE_MIN, NET_WIRE_MAX);
    memcpy(&number, at + UPLINK_HEADER + NUMBER_AT, sizeof number);
    assert_true(number > on_wire && number <= sent); // each once, in order
    on_wire = number;
    frames_on_wire++;
    model_end(TRANSMIT, head, 0);
    return true;
}

static bool device_receives(uint32_t bytes)
{
    uint16_t head;
    const struct virtq_descriptor *d = model_take(RECEIVE, &head);
    if (!d)
        return false;
    assert_int_equal(d->flags, VIRTQ_FLAG_WRITE);
    received++;
    memset((void *)(uintptr_t)d->address, 0, d->bytes);
    memcpy((uint8_t *)(uintptr_t)d->address + UPLINK_HEADER + NUMBER_AT, &received, sizeof received);
    model_end(RECEIVE, head, UPLINK_HEADER + bytes);
    return true;
}

static void serve(void)
{
    for (unsigned i = 0; uplink_serve(&uplink); i++)
        assert_true(i < 1000);
}

static void works(void **state)
{
    (void)state;
    assert_int_equal(model.agreed, VIRTIO_F_VERSION_1); // it moves frames, and nothing else
    for (unsigned i = 0; i < 50000; i++) {
        if (rand() % 2)
            assert_true(switch_sends(24 + (uint32_t)rand() % 1400));
        if (rand() % 2)
            assert_true(device_receives(24 + (uint32_t)rand() % 1490));
        serve();
        while (device_sends())
            ;
        switch_takes_all();
    }
    serve();
    assert_int_equal(frames_on_wire, sent);
    assert_int_equal(frames_at_switch, received);
    assert_int_equal(counter("sent-frames"), sent);
    assert_int_equal(counter("received-frames"), received);
    assert_int_equal(model.resets, 1);
}

// Whoever is slow holds up nobody else, and nothing is lost that can wait.
static void fills_up(void **state)
{
    (void)state;
    while (switch_sends(FRAME))
        ;
    serve();
    assert_int_equal(uplink.free, 0);
    assert_int_equal(*model_word(model.queue[TRANSMIT].queue_driver, VIRTQ_RING_FLAGS), 0);
    while (switch_sends(FRAME))
        ;
    serve();
    for (unsigned i = 0; i < 3000; i++)
        if (!device_receives(FRAME))
            serve();
    serve();
    assert_int_equal(counter("received-frames"), NET_CELLS / net_cells(FRAME));
    assert_true(counter("received-full") > 0);
    switch_takes_all();
    for (unsigned i = 0; i < 100; i++) {
        while (device_sends())
            ;
        serve();
    }
    assert_int_equal(frames_on_wire, sent);
    assert_int_equal(*model_word(model.queue[TRANSMIT].queue_driver, VIRTQ_RING_FLAGS),
                     1); // none of interest
    assert_int_equal(*model_word(model.queue[RECEIVE].queue_driver, VIRTQ_RING_FLAGS), 0);
}

static void wakes_up(void **state)
{
    (void)state;
    serve();
    assert_true(switch_sends(FRAME));
    uplink.tell = false;
    assert_int_equal(((struct ring_shared *)(void *)(port + NET_AT_FROM))->consumer_sleeps, 0); // it was told
    serve();
    assert_true(device_sends());
    assert_true(ring_sleep_empty(&from_driver));
    device_receives(FRAME);
    serve();
    assert_true(uplink.tell);
}

static void one_more(void)
{
    assert_true(device_receives(FRAME));
}

// The driver goes to sleep only when it has seen all, or is about to be interrupted.
static void comes_late(void **state)
{
    (void)state;
    model.meanwhile = one_more;
    for (unsigned i = 1; i <= 20; i++) {
        serve();
        assert_true(received >= i);
        assert_true(model.isr || !host_queue_has_used(&uplink.receive));
    }
}

static void segments(void **state)
{
    (void)state;
    struct {
        struct net_head head;
        uint8_t frame[64000];
    } f = {.head = {.bytes = 60000,
                    .flags = NET_NEEDS_SUM,
                    .segmentation = NET_TCP4,
                    .segment_bytes = 500,
                    .sum_start = 34,
                    .sum_offset = 16}};
    f.frame[12] = 8;
    f.frame[14] = 0x45;
    f.frame[23] = 6;
    f.frame[46] = 5 << 4;
    ring_put(&to_driver, 0, &f, net_cells(60000));
    (void)!ring_publish_produced(&to_driver, net_cells(60000));
    uint16_t head;
    unsigned pieces = 0;
    for (unsigned i = 0; i < 10; i++) { // more pieces than there are buffers
        serve();
        assert_int_equal(to_driver.shared->consumed, net_cells(60000));
        for (; model_take(TRANSMIT, &head); pieces++)
            model_end(TRANSMIT, head, 0);
    }
    assert_int_equal(pieces, (60000 - 54 + 499) / 500);
    f.head.segment_bytes = 0;
    ring_put(&to_driver, to_driver.position, &f, net_cells(60000));
    (void)!ring_publish_produced(&to_driver, to_driver.position + net_cells(60000));
    serve();
    assert_null(model_take(TRANSMIT, &head));
    assert_int_equal(counter("sent-bad-head"), 1);
}

static void survives(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        switch (rand() % 16) {
        case 0: driver_start(); break;
        case 2:
        case 3: switch_takes_all(); break;
        case 4:
        case 5:
        case 6: switch_sends(24 + (uint32_t)rand() % 1400); break;
        case 7:
        case 8:
        case 9: device_receives(24 + (uint32_t)rand() % 1490); break;
        case 10:
        case 11:
        case 12: device_sends(); break;
        default: (void)uplink_serve(&uplink);
        }
    }
    driver_start();
    uint64_t before = frames_on_wire, before_switch = frames_at_switch;
    for (unsigned i = 0; i < 100; i++) {
        switch_takes_all();
        switch_sends(FRAME);
        device_receives(FRAME);
        serve();
        while (device_sends())
            ;
    }
    assert_true(frames_on_wire >= before + 100 && frames_at_switch > before_switch + 90);
}

static void link_down(void **state)
{
    (void)state;
    shared()->link = 0;
    device_receives(FRAME);
    serve();
    switch_takes_all();
    assert_int_equal(frames_at_switch, 0);
    assert_int_equal(counter("received-down"), 1);
    shared()->link = 1;
    device_receives(FRAME);
    device_receives(13);
    serve();
    switch_takes_all();
    assert_int_equal(frames_at_switch, 1);
    assert_int_equal(counter("received-too-short"), 1);
}

// The switch's memory is not what it was.
static void bad_ring(void **state)
{
    (void)state;
    struct ring_shared *r = (struct ring_shared *)(void *)(port + NET_AT_FROM);
    r->produced = NET_CELLS + 1;
    assert_false(uplink_serve(&uplink)); // it sleeps until the switch says something else
    r->produced = 0;
    assert_true(switch_sends(FRAME));
    ((struct net_first *)(void *)(port + NET_AT_FROM + sizeof *r))->head.bytes = NET_FRAME_MAX;
    serve();
    assert_int_equal(counter("sent-damaged"), 1);
    assert_int_equal(r->consumed, r->produced);
    assert_true(switch_sends(FRAME));
    serve();
    assert_true(device_sends());
    ((struct ring_shared *)(void *)(port + NET_AT_TO))->consumed = 5;
    device_receives(FRAME);
    serve();
    assert_int_equal(counter("received-full"), 1);
    driver_start(); // goes on where it can
    device_receives(FRAME);
    serve();
    assert_int_equal(counter("received-frames"), 1);
}

static void lies(void **state)
{
    (void)state;
    for (unsigned q = RECEIVE; q <= TRANSMIT; q++)
        for (enum model_lie lie = LIE_HEAD_BEYOND; lie <= LIE_INDEX; lie++) {
            if (q == RECEIVE && lie != LIE_HEAD_BEYOND && lie != LIE_INDEX)
                continue; // the others may as well be true: all buffers are the device's, and have room
            set_up(NULL);
            switch_sends(FRAME);
            serve();
            model.lie = lie;
            model.lies_left = 1;
            assert_true(q == RECEIVE ? device_receives(FRAME) : device_sends());
            serve();
            assert_int_equal(model.resets, 2);
            switch_takes_all();
            switch_sends(FRAME);
            device_receives(FRAME);
            serve();
            while (device_sends())
                ;
            switch_takes_all();
            assert_int_equal(on_wire, sent);
            assert_int_equal(at_switch, received);
        }
}

static void moves_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < UPLINK_RESETS; i++) {
        assert_false(uplink.dead);
        model.common.status |= VIRTIO_NEEDS_RESET;
        model.isr = VIRTIO_ISR_CONFIG;
        serve();
    }
    assert_true(uplink.dead);
    assert_string_equal(last_line, "the device moves nothing: it is left alone");
    switch_sends(FRAME);
    assert_false(uplink_serve(&uplink));
    driver_start(); // a new incarnation tries again
    serve();
    assert_true(device_sends());
}

static void cannot_be_used(void **state)
{
    (void)state;
    model.offered = 0;
    driver_start();
    assert_string_equal(last_line, "the device cannot be used: it is of virtio's first version");
    assert_false(uplink_serve(&uplink));
    model.offered = VIRTIO_F_VERSION_1;
    model.common.queue_size = 32;
    driver_start();
    assert_string_equal(last_line, "the device cannot be used: a queue is too short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(works, set_up),         cmocka_unit_test_setup(fills_up, set_up),
        cmocka_unit_test_setup(wakes_up, set_up),      cmocka_unit_test_setup(segments, set_up),
        cmocka_unit_test_setup(survives, set_up),      cmocka_unit_test_setup(link_down, set_up),
        cmocka_unit_test_setup(bad_ring, set_up),      cmocka_unit_test_setup(lies, set_up),
        cmocka_unit_test_setup(moves_nothing, set_up), cmocka_unit_test_setup(cannot_be_used, set_up),
        cmocka_unit_test_setup(comes_late, set_up),
    };
    return cmocka_run_group_tests_name("uplink", tests, NULL, NULL);
}
