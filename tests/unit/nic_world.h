// A network card between a model of a guest's driver and one of the switch
// SPDX-License-Identifier: MIT
//
// A frame of the tests goes to the card, has its number behind the addresses, and then the same byte again
// and again.
#pragma once

#include "servers/net/nic.h"
#include "tests/unit/virtio_world.h"

enum { RINGS = 0x1000, SIZE = 16, OUT = 0x20000, IN = 0x30000, CONTROL = 0x58000, SLOT = 0x1000 };
enum { FRAME_MAX = 4000, HEADER = NIC_HEADER };
#define ALL (nic.kind.features | VIRTIO_F_EVENT_IDX)

static uint8_t port[NET_PORT_BYTES] __attribute__((aligned(64)));
static struct nic nic;
static struct ring from_nic, to_nic; // the switch's ends
static const uint8_t own[NET_ADDRESS] = {0x52, 0x42, 0x48, 1, 2, 3};

static uint64_t ticks = 1 << 20;

static inline uint64_t clock_now(void)
{
    return ticks;
}

static inline void opened(void)
{
    nic.state = (struct nic_state *)(void *)world.device;
    nic.polls = nic.waits = false; // what a new process knows
    nic.served = nic.owes = nic.due = 0;
    nic_open(&nic, &world.v, port, false);
}

static inline void published(void)
{
    nic_publish(&nic);
}

static inline void plug_in(void)
{
    static const struct nic none;
    nic = none;
    memcpy(nic.address, own, sizeof own);
    nic.clock = clock_now;
    struct virtio v = {0};
    nic_prepare(&nic, &v);
    world_begin(&nic.kind);
    world.v.owner = &nic;
    world.v.config = &nic.config;
    world.opened = opened;
    world.published = published;
    memset(port, 0, sizeof port);
    ((struct net_port *)(void *)port)->link = 1;
    (void)!ring_open(&from_nic, port + NET_AT_TO, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    (void)!ring_open(&to_nic, port + NET_AT_FROM, NET_RING_BYTES, NET_CELLS, NET_CELL, 0);
    struct nic_state *fresh = (struct nic_state *)(void *)world.committed_device;
    filter_reset(&fresh->filter, own);
    world_start();
}

static inline void begin(uint64_t without)
{
    plug_in();
    world_drive(ALL & ~without, NIC_QUEUES, SIZE, RINGS);
}

// ---- the switch ----

static inline void switch_gives(struct net_head head, const uint8_t *frame)
{
    uint8_t *at;
    net_span(&to_nic, to_nic.position, 0, sizeof head, &at);
    memcpy(at, &head, sizeof head);
    for (uint32_t done = 0, piece; done < head.bytes; done += piece) {
        piece = net_span(&to_nic, to_nic.position, (uint32_t)sizeof head + done, head.bytes - done, &at);
        memcpy(at, frame + done, piece);
    }
    (void)!ring_publish_produced(&to_nic, to_nic.position + net_cells(head.bytes));
}

static inline uint32_t switch_takes(struct net_head *head, uint8_t *frame)
{
    struct net_first first;
    uint8_t *at;
    if (net_look(&from_nic, from_nic.position, &first) != NET_FRAME)
        return 0;
    *head = first.head;
    for (uint32_t done = 0, piece; done < head->bytes; done += piece) {
        piece =
            net_span(&from_nic, from_nic.position, (uint32_t)sizeof *head + done, head->bytes - done, &at);
        memcpy(frame + done, at, piece);
    }
    (void)!ring_publish_consumed(&from_nic, from_nic.position + net_cells(head->bytes));
    return head->bytes;
}

static inline void do_stir(void *unused)
{
    (void)unused;
    virtio_bits(&world.v, 0, false);
    nic_stir(&nic, &world.v);
    world_settle();
}

// A signal that a dead server took is not lost: it looks again at its start.
static inline void stir(void)
{
    while (!world_do(do_stir, NULL))
        ;
}

// ---- frames ----

static inline void make(uint8_t *frame, uint32_t number, uint32_t bytes)
{
    memset(frame, (int)(number * 37 + 11), bytes);
    memcpy(frame, own, NET_ADDRESS);
    memcpy(frame + 14, &number, sizeof number);
}

static inline bool is(const uint8_t *frame, uint32_t number, uint32_t bytes)
{
    static uint8_t wanted[NET_FRAME_MAX];
    make(wanted, number, bytes);
    return memcmp(frame, wanted, bytes) == 0;
}

// The driver sends a frame in three pieces of memory. False: its queue is full.
static inline bool driver_sends(uint32_t slot, uint32_t number, uint32_t bytes, const struct net_head *head)
{
    uint64_t at = OUT + (uint64_t)slot * SLOT;
    static const struct net_head none;
    const struct world_buffer parts[] = {
        {at, HEADER, false}, {at + HEADER, 20, false}, {at + HEADER + 20, bytes - 20, false}};
    if (world.driver[NIC_TRANSMIT].free_count < 3)
        return false;
    memcpy(world_ram + at, (const uint8_t *)(head ? head : &none) + NIC_HEADER_AT, HEADER);
    make(world_ram + at + HEADER, number, bytes);
    return world_add(NIC_TRANSMIT, parts, 3) != UINT16_MAX;
}

static inline void ring(uint32_t queue)
{
    world_ring(UINT64_C(1) << queue);
}

static inline void offer(uint32_t slot, uint32_t bytes)
{
    const struct world_buffer b = {IN + (uint64_t)slot * SLOT, bytes, true};
    memset(world_ram + b.gpa, 0xee, bytes);
    if (world_add(NIC_RECEIVE, &b, 1) == UINT16_MAX)
        abort();
}

static inline uint64_t address_of_head(uint32_t queue, uint16_t head)
{
    return world_descriptor(&world.driver[queue], head)->address;
}
