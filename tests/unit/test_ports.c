// Ports under a model of a guest's driver: control messages, bytes in either direction, death at any step
// SPDX-License-Identifier: MIT
// LINK:
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libipc/proto/layout.h"
#include "tests/unit/virtio_world.h"

#include "servers/ports/ports.c"

enum { RINGS = 0x1000, SIZE = 8, QUEUES = 6, PORTS = 2, SENT = 24, TYPED = 300 };
enum {
    CONTROL_IN = 0x40000,
    CONTROL_OUT = 0x41000,
    IN = 0x42000,
    OUT = 0x50000,
    OUT_SLOT = 0x2000,
    SLOTS = 4
};
enum { RECEIVE = 4, TRANSMIT = 5, CONTROL_SLOT = 64, IN_SLOT = 16 };

static struct ports ports;
static uint64_t output_memory[PORTS][STREAM_PAGES * 512];
static uint64_t input_memory[PORTS][RING_PAGES(INPUT_RING_BYTES) * 512];

// The terminal's ends of port 1, and the guest's books.
static struct {
    struct stream shown;
    struct ring typed;
    uint64_t seen, written, type_count, read_count;
    unsigned control_added, control_done, said, in_added, in_done, sent, sent_done;
    unsigned heard[PORTS][PORTS_EVENTS];
    bool ready;
} guest;

static uint8_t letter(uint64_t i)
{
    return (uint8_t)(i * 0x9e3779b1u >> 13);
}

static void opened(void)
{
    ports.state = (struct ports_state *)(void *)world.device;
    for (uint32_t i = 0; i < PORTS; i++)
        ports_open(&ports, i, output_memory[i], input_memory[i]);
}

static void published(void)
{
    ports_publish(&ports);
}

static void begin(void)
{
    memset(&ports, 0, sizeof ports);
    memset(&guest, 0, sizeof guest);
    memset(output_memory, 0, sizeof output_memory);
    memset(input_memory, 0, sizeof input_memory);
    ports.count = PORTS;
    strcpy(ports.name[0], "con");
    strcpy(ports.name[1], "data");
    struct virtio v = {0};
    ports_prepare(&ports, &v);
    world_begin(&ports.kind);
    world.v.owner = v.owner;
    world.v.config = v.config;
    world.opened = opened;
    world.published = published;
    guest.shown = stream_open(output_memory[1], 0);
    assert_true(ring_open(&guest.typed, input_memory[1], sizeof input_memory[1], INPUT_RING_BYTES, 1, 0));
    world_start();
}

// ---- the guest's driver ----

static void add(unsigned queue, uint64_t at, uint32_t bytes, bool writable)
{
    const struct world_buffer b = {at, bytes, writable};
    assert_int_not_equal(world_add(queue, &b, 1), UINT16_MAX);
    world_ring(UINT64_C(1) << queue);
}

static void say(uint32_t port, uint16_t event, uint16_t value)
{
    uint64_t at = CONTROL_OUT + (uint64_t)(guest.said++ % SIZE) * CONTROL_SLOT;
    uint16_t head;
    uint32_t written;
    while (world_used(PORTS_CONTROL_TRANSMIT, &head, &written))
        continue;
    memcpy(world_ram + at, &(struct ports_message){port, event, value}, sizeof(struct ports_message));
    add(PORTS_CONTROL_TRANSMIT, at, sizeof(struct ports_message), false);
}

static void offer_control(void)
{
    for (; guest.control_added < guest.control_done + SIZE; guest.control_added++)
        add(PORTS_CONTROL_RECEIVE, CONTROL_IN + (uint64_t)(guest.control_added % SIZE) * CONTROL_SLOT,
            CONTROL_SLOT, true);
}

static void hear_message(uint64_t at, uint32_t bytes)
{
    static const char *const names[] = {"con", "data"};
    struct ports_message m;
    memcpy(&m, world_ram + at, sizeof m);
    assert_true(m.port < PORTS && m.event < PORTS_EVENTS && m.value == 1);
    guest.heard[m.port][m.event]++;
    assert_int_equal(bytes, sizeof m + (m.event == PORTS_NAME ? strlen(names[m.port]) : 0));
    if (m.event == PORTS_NAME)
        assert_memory_equal(world_ram + at + sizeof m, names[m.port], bytes - sizeof m);
    if (m.event == PORTS_ADD)
        say(m.port, PORTS_READY, 1);
    if (m.event == PORTS_OPEN)
        say(m.port, PORTS_OPEN, 1);
}

static void control(void)
{
    uint16_t head;
    uint32_t written;
    offer_control();
    while (world_used(PORTS_CONTROL_RECEIVE, &head, &written))
        hear_message(CONTROL_IN + (uint64_t)(guest.control_done++ % SIZE) * CONTROL_SLOT, written);
}

// Some requests are longer than a stream may be ahead.
static uint32_t request_bytes(unsigned i)
{
    return i % 5 == 3 ? OUT_SLOT - i : 1 + i % 7;
}

static void send_more(void)
{
    uint16_t head;
    uint32_t written;
    while (world_used(TRANSMIT, &head, &written))
        guest.sent_done++;
    for (; guest.sent < SENT && guest.sent < guest.sent_done + SLOTS; guest.sent++) {
        uint64_t at = OUT + (uint64_t)(guest.sent % SLOTS) * OUT_SLOT;
        for (uint32_t k = 0; k < request_bytes(guest.sent); k++)
            world_ram[at + k] = letter(guest.written++);
        add(TRANSMIT, at, request_bytes(guest.sent), false);
    }
}

static void read_more(void)
{
    uint16_t head;
    uint32_t written;
    while (world_used(RECEIVE, &head, &written)) {
        uint64_t at = IN + (uint64_t)(guest.in_done++ % SIZE) * IN_SLOT;
        assert_true(written && written <= 1 + (guest.in_done - 1) % 7);
        for (uint32_t k = 0; k < written; k++)
            assert_int_equal(world_ram[at + k], letter(guest.read_count++));
    }
    for (; guest.in_added < guest.in_done + SIZE; guest.in_added++)
        add(RECEIVE, IN + (uint64_t)(guest.in_added % SIZE) * IN_SLOT, 1 + guest.in_added % 7, true);
}

// ---- the terminal ----

static void stir(void *unused)
{
    (void)unused;
    ports_stir(&ports, &world.v);
    world_settle();
}

static void type_more(void)
{
    for (unsigned i = 0; i < 5 && guest.type_count < TYPED; i++) {
        uint8_t byte = letter(guest.type_count++);
        ring_put(&guest.typed, guest.typed.position, &byte, 1);
        if (ring_publish_produced(&guest.typed, guest.typed.position + 1))
            (void)world_do(stir, NULL);
    }
}

static void look(void)
{
    uint8_t bytes[1000];
    for (uint32_t count = sizeof bytes; count; guest.shown.position += count) {
        count = sizeof bytes;
        assert_true(stream_read(&guest.shown, bytes, &count));
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(bytes[i], letter(guest.seen++));
    }
}

// All of it, with a death at that step. True: there was one.
static bool run(uint64_t limit, uint64_t again)
{
    begin();
    world_arm(limit);
    world.again = again;
    world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
    offer_control();
    say(0, PORTS_DEVICE_READY, 1);
    for (unsigned i = 0; guest.sent_done < SENT || guest.read_count < TYPED; i++) {
        control();
        send_more();
        type_more();
        read_more();
        look();
        assert_true(i < 1000);
    }
    bool died = world.deaths;
    world_arm(0);
    assert_int_equal(guest.seen, guest.written);
    for (unsigned port = 0; port < PORTS; port++)
        for (unsigned event = 0; event < PORTS_EVENTS; event++)
            assert_int_equal(guest.heard[port][event], event == PORTS_ADD || event == PORTS_NAME ||
                                                           event == PORTS_OPEN ||
                                                           (event == PORTS_CONSOLE && port == 0));
    assert_int_equal(WORLD_GET(status) & VIRTIO_NEEDS_RESET, 0);
    return died;
}

static void dies_anywhere(void **state)
{
    (void)state;
    uint64_t cuts = 1;
    while (run(cuts, 0))
        cuts++;
    assert_true(cuts > 200);
    for (uint64_t i = 1; i < cuts; i += 13)
        for (uint64_t again = 1; again < 8; again += 2)
            (void)run(i, again);
}

// Without the feature there is one port, whose driver takes what is typed from the beginning.
static void one_port(void **state)
{
    (void)state;
    static const char text[] = "typed";
    struct ring typed;
    uint16_t head;
    uint32_t written;
    begin();
    world_drive(0, 2, SIZE, RINGS);
    assert_true(ring_open(&typed, input_memory[0], sizeof input_memory[0], INPUT_RING_BYTES, 1, 0));
    ring_put(&typed, 0, text, sizeof text);
    (void)!ring_publish_produced(&typed, sizeof text);
    (void)world_do(stir, NULL);
    add(0, IN, IN_SLOT, true);
    assert_true(world_used(0, &head, &written));
    assert_int_equal(written, sizeof text);
    assert_memory_equal(world_ram + IN, text, sizeof text);
    memcpy(world_ram + OUT, "said", 4);
    add(1, OUT, 4, false);
    assert_int_equal(ring_last_produced(output_memory[0]), 4);
}

// What is typed for a port that nobody reads stays where it is.
static void nobody_reads(void **state)
{
    (void)state;
    begin();
    world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
    read_more();
    type_more();
    read_more();
    assert_int_equal(guest.read_count, 0);
    say(1, PORTS_OPEN, 1);
    read_more();
    assert_int_equal(guest.read_count, 5);
    say(1, PORTS_OPEN, 0);
    type_more();
    read_more();
    assert_int_equal(guest.read_count, 5);
    say(7, PORTS_OPEN, 1); // there is no such port
    say(1, 99, 1);
    assert_int_equal(WORLD_GET(status) & VIRTIO_NEEDS_RESET, 0);
}

// A second driver in the same guest: it is told all again, and streams go on.
static void begins_again(void **state)
{
    (void)state;
    (void)run(0, 0);
    uint64_t written = guest.written;
    world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
    guest.control_added = guest.control_done = guest.said = 0;
    memset(guest.heard, 0, sizeof guest.heard);
    offer_control();
    say(0, PORTS_DEVICE_READY, 1);
    for (unsigned i = 0; i < 4; i++)
        control();
    assert_int_equal(guest.heard[1][PORTS_OPEN], 1);
    world_ram[OUT] = letter(guest.written++);
    add(TRANSMIT, OUT, 1, false);
    look();
    assert_int_equal(guest.seen, written + 1);
}

static void faults(void **state)
{
    (void)state;
    static const struct {
        unsigned queue;
        uint32_t bytes;
        bool writable;
        const char *counter;
    } bad[] = {{PORTS_CONTROL_TRANSMIT, 7, false, "fault-control-message"},
               {PORTS_CONTROL_TRANSMIT, 8, true, "fault-control-message"},
               {TRANSMIT, 8, true, "fault-output-request"}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin();
        world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
        add(bad[i].queue, CONTROL_OUT, bad[i].bytes, bad[i].writable);
        assert_int_equal(WORLD_GET(status) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
        assert_int_equal(world_counter(bad[i].counter), 1);
    }
    begin(); // a buffer for messages that holds none
    world_drive(PORTS_F_MULTIPORT, QUEUES, SIZE, RINGS);
    add(PORTS_CONTROL_RECEIVE, CONTROL_IN, 8, true);
    say(0, PORTS_DEVICE_READY, 1);
    assert_int_equal(world_counter("fault-control-buffer"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_port), cmocka_unit_test(nobody_reads),
                                       cmocka_unit_test(faults), cmocka_unit_test(begins_again),
                                       cmocka_unit_test(dies_anywhere)};
    return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
