// Fuzzes a network card with a driver that lies in every register, ring, header and command
// SPDX-License-Identifier: MIT
// LINK: servers/net/filter.c servers/net/frames.c servers/net/nic.c
// LINK: servers/common/net_head.c servers/common/copy.c
//
// The real device code, its server killed now and then; the switch sends frames of all sizes. Whatever the
// driver did, after a reset and an honest beginning frames go through.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "servers/net/nic.h"
#include "tests/unit/virtio_world.h"

enum { RINGS = 0x1000, SIZE = 8, DATA = 0x40000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nic nic;
static uint8_t port[NET_PORT_BYTES] __attribute__((aligned(64)));
static struct ring from_nic, to_nic;

struct input {
    const uint8_t *at, *end;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

static uint64_t clock_now(void)
{
    static uint64_t ticks = 1 << 20;
    return ticks += 7;
}

static void do_due(void *unused)
{
    (void)unused;
    virtio_look(&world.v);
    nic_due(&nic, &world.v);
    world_settle();
}

static void opened(void)
{
    nic.state = (struct nic_state *)(void *)world.device;
    nic_open(&nic, &world.v, port, false);
}

static void published(void)
{
    nic_publish(&nic);
}

static void begin(uint64_t features)
{
    struct virtio v = {0};
    memset(&nic, 0, sizeof nic);
    nic.address[5] = 1;
    nic.clock = clock_now;
    nic.soon = 8;
    nic.wait = 9;
    nic_prepare(&nic, &v);
    world_begin(&nic.kind);
    world.v.owner = &nic;
    world.v.config = &nic.config;
    world.opened = opened;
    world.published = published;
    memset(port, 0, sizeof port);
    (void)!ring_open(&from_nic, port + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    (void)!ring_open(&to_nic, port + NET_AT_FROM, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    filter_reset(&((struct nic_state *)(void *)world.committed_device)->filter, nic.address);
    world_start();
    world_drive(features, NIC_QUEUES, SIZE, RINGS);
}

static void do_stir(void *unused)
{
    (void)unused;
    virtio_bits(&world.v, 0, false);
    nic_stir(&nic, &world.v);
    world_settle();
}

static void give(struct net_head head)
{
    uint8_t *at;
    uint32_t cells = net_cells(head.bytes);
    if (!net_has_room(&to_nic, to_nic.position, cells))
        return;
    net_span(&to_nic, to_nic.position, 0, sizeof head, &at);
    memcpy(at, &head, sizeof head);
    (void)!ring_publish_produced(&to_nic, to_nic.position + cells);
    (void)world_do(do_stir, NULL);
}

// What the card sends can be sent; the switch takes all of it.
static uint32_t drain(void)
{
    struct net_first first;
    uint32_t count = 0;
    enum net_look look;
    while ((look = net_look(&from_nic, from_nic.position, &first)) == NET_FRAME) {
        (void)!ring_publish_consumed(&from_nic, from_nic.position + net_cells(first.head.bytes));
        count++;
    }
    if (look != NET_NOTHING)
        abort();
    (void)world_do(do_stir, NULL);
    return count;
}

static void access(struct input *in, bool write)
{
    uint64_t offset = take(in, 2) % (VIRTIO_REGISTER_BYTES + 16);
    uint32_t size = 1u << take(in, 1) % 4;
    if (offset >= 0x40 && offset < 0x1000) // most of it is nothing
        offset &= 0x3f;
    if (write)
        world_write(offset, size, take(in, size));
    else
        (void)world_read(offset, size);
}

static void write_memory(struct input *in)
{
    uint64_t at = RINGS + take(in, 1) % NIC_QUEUES * WORLD_RING + take(in, 2) % 0x3000;
    uint64_t value = take(in, 2);
    memcpy(world_ram + at, &value, 2);
}

// A request that is well formed, as far as its ring is: of one buffer or two.
static void ask(struct input *in)
{
    unsigned queue = (unsigned)take(in, 1) % NIC_QUEUES;
    uint64_t at = DATA + take(in, 1) * 64;
    const struct world_buffer b[] = {{at, (uint32_t)take(in, 2), take(in, 1) % 2},
                                     {at + 0x100, (uint32_t)take(in, 2), true}};
    for (unsigned i = 0; i < 16; i++)
        world_ram[at + i] = (uint8_t)take(in, 1);
    if (world.driver[queue].free_count <= SIZE &&
        world_add(queue, b, queue == NIC_CONTROL ? 2 : 1) != UINT16_MAX)
        world_ring(UINT64_C(1) << queue);
}

static void act(struct input *in)
{
    switch (take(in, 1) % 11) {
    case 0: access(in, false); break;
    case 1: access(in, true); break;
    case 2: write_memory(in); break;
    case 3:
    case 4:
    case 5: ask(in); break;
    case 6:
        give((struct net_head){.bytes =
                                   NET_FRAME_MIN + (uint32_t)take(in, 2) % (NET_FRAME_MAX - NET_FRAME_MIN)});
        break;
    case 7: world_arm(1 + take(in, 1)); break;
    case 8: (void)drain(); break;
    case 9: (void)world_do(do_due, NULL); break;
    default: world.page.control = (uint32_t)take(in, 1); world_bus();
    }
}

static void must_work(void)
{
    static const struct world_buffer out = {DATA, NIC_HEADER + 60, false}, in = {DATA + 0x1000, 200, true};
    uint16_t head;
    uint32_t written;
    world_arm(0);
    world.page.resets++;
    world.page.control = BUS_CONTROL_MASTER | BUS_CONTROL_MSIX;
    world_bus();
    (void)world_do(do_stir, NULL);
    (void)drain();
    world_drive(NIC_F_MERGE, NIC_QUEUES, SIZE, RINGS);
    memset(world_ram + DATA, 0, NIC_HEADER + 60);
    if (world_add(NIC_TRANSMIT, &out, 1) == UINT16_MAX || world_add(NIC_RECEIVE, &in, 1) == UINT16_MAX)
        abort();
    world_ring(1 << NIC_TRANSMIT | 1 << NIC_RECEIVE);
    give((struct net_head){.bytes = 60});
    if (drain() != 1 || !world_used(NIC_RECEIVE, &head, &written) || written != NIC_HEADER + 60)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    uint64_t features = take(&in, 4) & UINT64_C(0xffffff);
    begin(features & NIC_F_CONTROL ? features | NIC_F_SUM | NIC_F_GUEST_SUM : NIC_F_MERGE);
    while (in.at < in.end)
        act(&in);
    must_work();
    return 0;
}
